"""The terminal: results to stdout, everything else to stderr, as much of it as the user asked for."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from typing import TYPE_CHECKING

from nano_u.cli.global_options import GlobalOptions
from nano_u.cli.tensorflow_chatter import silence_tensorflow_import

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 140
"""Columns for tables when the output is not a terminal, which rich would take to be 80 wide."""

_options = GlobalOptions()


def configure(options: GlobalOptions) -> None:
    """Set up logging, warnings and TensorFlow's own chatter for this process."""
    global _options  # one terminal per process
    _options = options
    _configure_logging(options)
    if not options.debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        silence_tensorflow_import()


def speak_up() -> None:
    """Say more from here on, as `--verbose` does; an explicit `--quiet` wins."""
    if not _options.quiet:
        configure(dataclasses.replace(_options, verbose=True))


def is_quiet() -> bool:
    """Whether only results and errors are wanted: no progress, no notes."""
    return _options.quiet


def is_verbose() -> bool:
    """Whether more than usual is wanted."""
    return _options.verbose or _options.debug


def results() -> Console:
    """Where results go: stdout."""
    return _console(stderr=False)


def progress() -> Console:
    """Where progress goes: stderr, so that stdout can be piped; writes nothing when the user wants quiet."""
    return _console(stderr=True, quiet=_options.quiet)


def note(text: str) -> None:
    """Print a line for the user on stdout, as plain text, unless quiet was asked for."""
    if not _options.quiet:
        results().print(text, markup=False, highlight=False, soft_wrap=True)


def announce(stage: str) -> None:
    """A rule on stderr with the name of what begins, unless quiet was asked for."""
    if not _options.quiet:
        progress().rule(stage, align="left", style="dim")


def _console(*, stderr: bool, quiet: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(stderr=stderr, quiet=quiet, width=width)


class LineHandler(logging.Handler):
    """Writes records as `nano-u: warning: text`; other libraries' only when they are errors or the user wants more."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        is_ours = record.name.split(".")[0] == "nano_u"
        return is_ours or self._verbose or record.levelno >= logging.ERROR

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record to what is stderr now, which a progress display may have replaced."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        sys.stderr.write(f"nano-u: {level}{record.getMessage()}\n")


def _configure_logging(options: GlobalOptions) -> None:
    """One handler at the root, so that absl, Keras and TensorFlow do not add their own."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LineHandler):
            root.removeHandler(handler)
    root.addHandler(LineHandler(verbose=options.verbose or options.debug))
    logging.captureWarnings(True)
    level = logging.WARNING
    if options.debug:
        level = logging.DEBUG
    elif options.verbose:
        level = logging.INFO
    elif options.quiet:
        level = logging.ERROR
    logging.getLogger("nano_u").setLevel(level)
