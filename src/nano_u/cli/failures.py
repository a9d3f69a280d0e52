"""What the user reads, and what the shell gets, when a command fails."""

from __future__ import annotations

import re
from dataclasses import dataclass

import typer

from nano_u.errors import ConfigError, MissingDependencyError, NanoUError

USAGE_EXIT = 2
FAILURE_EXIT = 1
INTERNAL_EXIT = 70
INTERRUPTED_EXIT = 130

EXTRAS = {
    "tensorflow": "cpu",
    "ai_edge_litert": "deploy",
    "tensorboard": "tensorboard",
    "optuna": "search",
    "tflite_micro": "mcu",
}
"""Optional packages by import name, and the extra that installs each."""

EXTRA_SETTING = re.compile(r"Got unexpected extra argument.*?[( ]([\w.]+=.*)\)$")
"""typer's complaint about `epochs=5` without `--set` before it."""


@dataclass(frozen=True)
class Failure:
    """One line for the terminal and the exit code."""

    line: str
    exit_code: int


def describe_failure(error: BaseException, *, debug: bool = False) -> Failure:
    """Turn any exception into one printable line; only our own mistakes are called internal."""
    if isinstance(error, typer.TyperException):
        return _failure(_usage_message(error), error.exit_code)
    if isinstance(error, NanoUError):
        return _failure(str(error), USAGE_EXIT if isinstance(error, ConfigError) else FAILURE_EXIT)
    if isinstance(error, ModuleNotFoundError) and (package := (error.name or "").partition(".")[0]) in EXTRAS:
        return _failure(str(MissingDependencyError(package, EXTRAS[package])), FAILURE_EXIT)
    if isinstance(error, OSError) and (error.filename is not None or error.errno is not None):
        where = f"{error.filename}: " if error.filename is not None else ""
        return _failure(f"{where}{error.strerror or error}", FAILURE_EXIT)
    if isinstance(error, MemoryError):
        return _failure("out of memory; try a smaller --batch-size or fewer images", FAILURE_EXIT)
    remedy = "please report it with the traceback above" if debug else "run again with --debug and report it"
    return Failure(_one_line(f"nano-u: internal error: {type(error).__name__}: {error}; {remedy}"), INTERNAL_EXIT)


def _failure(message: str, exit_code: int) -> Failure:
    return Failure(_one_line(f"nano-u: error: {message}"), exit_code)


def _usage_message(error: typer.TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    setting = EXTRA_SETTING.match(message)
    if setting is not None and any("--set" in parameter.opts for parameter in context.command.params):
        message += f"; write --set {setting[1]}"
    return f"{message} (see '{context.command_path} --help')"


def _one_line(text: str) -> str:
    """`text` without line breaks, control characters or undecodable bytes of file names."""
    joined = " ".join(line.strip() for line in text.splitlines() if line.strip())
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in joined)
