from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest
import typer

from nano_u.cli import console
from nano_u.cli.lazy_group import Command, Group
from nano_u.cli.main import COMMANDS, main, run
from nano_u.errors import BudgetError, ConfigError, DataError, MissingDependencyError

HEAVY = {"tensorflow", "keras", "pydantic", "matplotlib", "numpy", "PIL"}

Runner = Callable[..., int]


@pytest.fixture
def run_function(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs a command line whose only command, `do`, is the given function."""

    def run_it(function: Callable[..., object], *arguments: str) -> int:
        module = ModuleType("nano_u_fake_commands")
        module.function = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return run((Command("do", "Do it.", f"{module.__name__}:function"),), arguments)

    return run_it


def failing_with(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


def modules_after(*arguments: str) -> set[str]:
    """Top-level modules loaded in a fresh process after this command line."""
    script = (
        "import sys, json; from nano_u.cli.main import main; code = main(sys.argv[1:]);"
        "print(json.dumps([code, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


def test_help_lists_every_command_from_the_table_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in text
        assert command.help in text


def test_no_arguments_are_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: nano-u" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert modules_after(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [[entry.name] for entry in COMMANDS], ids=lambda arguments: arguments[0])
def test_the_help_of_a_command_never_imports_a_framework(arguments: list[str]) -> None:
    assert modules_after(*arguments, "--help") & {"tensorflow", "keras", "matplotlib"} == set()


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_of_the_table_exists(entry: Command | Group) -> None:
    commands = entry.commands if isinstance(entry, Group) else (entry,)

    for command in commands:
        assert command.load().help


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nano-u {version('nano-u')}\n"


def test_a_command_runs_with_its_options_and_list_values(run_function: Runner) -> None:
    seen: list[object] = []

    def function(
        data: Path,
        filters: Annotated[list[int], typer.Option()] = [16, 32],  # noqa: B006  (typer copies it)
        epochs: int = 3,
    ) -> None:
        seen.append((data, filters, epochs))

    assert run_function(function, "do", "images", "--filters", "4", "8", "16", "--epochs", "5") == 0
    assert run_function(function, "do", "--filters", "4", "--", "images") == 0
    assert run_function(function, "do", "images") == 0
    assert seen == [(Path("images"), [4, 8, 16], 5), (Path("images"), [4], 3), (Path("images"), [16, 32], 3)]


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (ConfigError("a.yaml: unknown key 'x'"), "nano-u: error: a.yaml: unknown key 'x'", 2),
        (DataError("mask missing:\n  a.png\n  b.png"), "nano-u: error: mask missing: a.png b.png", 1),
        (BudgetError("IoU drop 0.02"), "nano-u: error: IoU drop 0.02", 1),
        (
            MissingDependencyError("optuna", "search"),
            "nano-u: error: optuna is not installed; run: pip install 'nano-u[search]'",
            1,
        ),
        (
            ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow.python"),
            "nano-u: error: tensorflow is not installed; run: pip install 'nano-u[cpu]'",
            1,
        ),
        (FileNotFoundError(2, "No such file or directory", "a.yaml"), "nano-u: error: a.yaml: No such file", 1),
        (OSError(28, "No space left on device"), "nano-u: error: No space left on device", 1),
        (DataError("caf\u00e9\x1b[31m\udcff.png"), "nano-u: error: caf\u00e9\\x1b[31m\\udcff.png", 1),
        (MemoryError(), "nano-u: error: out of memory", 1),
        (
            KeyError("nodes"),
            "nano-u: internal error: KeyError: 'nodes'; run again with --debug and report it",
            70,
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    run_function: Runner, capsys: pytest.CaptureFixture[str], error: BaseException, line: str, code: int
) -> None:
    assert run_function(failing_with(error), "do") == code

    text = capsys.readouterr().err
    assert text.startswith(line)
    assert text.count("\n") == 1
    assert "Traceback" not in text


@pytest.mark.parametrize("arguments", [["--debug", "do"], ["do", "--debug"]])
@pytest.mark.parametrize("error", [ConfigError("wrong"), KeyError("nodes")])
def test_debug_shows_the_traceback_before_or_after_the_command(
    run_function: Runner, capsys: pytest.CaptureFixture[str], arguments: list[str], error: Exception
) -> None:
    assert run_function(failing_with(error), *arguments) != 0

    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert f"raise error\n{type(error).__name__.replace('Config', 'nano_u.errors.Config')}" in text
    assert text.splitlines()[-1].startswith("nano-u: ")


def test_an_interrupt_ends_with_130(run_function: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_function(failing_with(KeyboardInterrupt()), "do") == 130
    assert capsys.readouterr().err == "nano-u: interrupted\n"


def test_a_command_may_choose_its_exit_code(run_function: Runner) -> None:
    assert run_function(failing_with(typer.Exit(3)), "do") == 3


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["experiments", "lst"], "Did you mean 'list'?"),
        (["experiments"], "Missing command"),
        (["--vebose"], "--verbose"),
        (["--quiet", "--verbose"], "exclude each other"),
    ],
)
def test_wrong_usage_is_one_line_with_a_hint_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    assert main(arguments) == 2

    text = capsys.readouterr().err
    assert text.startswith("nano-u: error: ")
    assert text.count("\n") == 1
    assert hint in text


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--epoch", "3"], "--epochs"),
        (["--epochs", "x"], "'--epochs'"),
        (["surplus"], "surplus"),
    ],
)
def test_a_wrong_option_of_a_command_names_it_and_the_help(
    run_function: Runner, capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    def function(epochs: int = 3) -> None:
        raise AssertionError("must not run")

    assert run_function(function, "do", *arguments) == 2

    text = capsys.readouterr().err
    assert hint in text
    assert "nano-u do --help" in text
    assert text.count("\n") == 1


def test_an_option_without_its_value_is_named(run_function: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    def function(epochs: int = 3) -> None:
        raise AssertionError("must not run")

    assert run_function(function, "do", "--epochs") == 2
    assert capsys.readouterr().err == "nano-u: error: Option '--epochs' requires an argument\n"


def chatty() -> None:
    ours, theirs = logging.getLogger("nano_u.training"), logging.getLogger("somebody")
    ours.info("our news")
    ours.warning("our warning")
    theirs.warning("their warning")
    theirs.error("their error")
    console.note("a [note]")
    console.results().print("the result")
    console.progress().print("working")


@pytest.mark.parametrize(
    ("flags", "out", "err"),
    [
        ([], "a [note]\nthe result\n", ["warning: our warning", "error: their error"]),
        (["--quiet"], "the result\n", ["error: their error"]),
        (
            ["--verbose"],
            "a [note]\nthe result\n",
            ["our news", "warning: our warning", "warning: their warning", "error: their error"],
        ),
    ],
)
def test_verbosity_decides_what_is_said_and_results_go_to_stdout(
    run_function: Runner, capsys: pytest.CaptureFixture[str], flags: list[str], out: str, err: list[str]
) -> None:
    assert run_function(chatty, "do", *flags) == 0

    captured = capsys.readouterr()
    assert captured.out == out
    progress = [] if "--quiet" in flags else ["working"]
    assert captured.err.splitlines() == [f"nano-u: {line}" for line in err] + progress


def test_configuring_twice_says_everything_once(run_function: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    run_function(chatty, "do")
    capsys.readouterr()

    run_function(chatty, "do")

    assert capsys.readouterr().err.count("our warning") == 1


def test_the_help_of_a_command_keeps_square_brackets_and_shows_the_flags_of_every_command(
    run_function: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    def function() -> None:
        """Needs the extra 'nano-u[deploy]'."""

    assert run_function(function, "do", "--help") == 0

    text = capsys.readouterr().out
    assert "nano-u[deploy]" in text
    for flag in ("--debug", "--verbose", "--quiet"):
        assert flag in text


def test_a_pipe_closed_by_the_reader_ends_without_a_traceback() -> None:
    command = f"{sys.executable} -m nano_u --help | head -c 1"

    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)

    assert "Traceback" not in done.stderr
