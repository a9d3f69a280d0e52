"""The command line's entry: the table of commands, and one place where errors become one line and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from nano_u.cli import console
from nano_u.cli.failures import INTERRUPTED_EXIT, USAGE_EXIT, describe_failure
from nano_u.cli.global_options import global_parameters, read_global_options
from nano_u.cli.lazy_group import Command, Group, LazyGroup

SUMMARY = "Train segmentation networks for microcontrollers, from a folder of images and masks to a proven int8 model."

COMMANDS: tuple[Command | Group, ...] = (
    Command("demo", "Everything once, on built-in synthetic terrain.", "nano_u.cli.demo:demo_command"),
    Command("doctor", "Check a dataset before training.", "nano_u.cli.doctor:doctor_command"),
    Command("estimate", "Cost of a network on a chip, before any training.", "nano_u.cli.estimate:estimate_command"),
    Command("train", "Train a network into a run directory.", "nano_u.cli.train:train_command"),
    Command(
        "train-with-nas",
        "Train with redundancy monitoring on.",
        "nano_u.cli.train_with_nas:train_with_nas_command",
    ),
    Command("distill", "Train a network that also learns from a teacher.", "nano_u.cli.distill:distill_command"),
    Command(
        "pipeline",
        "Teacher, student, int8 model and report in one command.",
        "nano_u.cli.pipeline:pipeline_command",
    ),
    Command("evaluate", "Accuracy of a model beside the no-learning floor.", "nano_u.cli.evaluate:evaluate_command"),
    Command("analyze", "Which channels of a model are redundant.", "nano_u.cli.analyze:analyze_command"),
    Command("shrink", "Take redundant filters out, as far as accuracy holds.", "nano_u.cli.shrink:shrink_command"),
    Command("plot", "Pictures and advice from the monitor's files.", "nano_u.cli.plot:plot_command"),
    Command("report", "One self-contained HTML page of a run, or of several.", "nano_u.cli.report:report_command"),
    Command("export", "Write and check the int8 model of a run, also as C.", "nano_u.cli.export:export_command"),
    Command("verify", "Prove a bundle of C files again.", "nano_u.cli.verify:verify_command"),
    Group(
        "experiments",
        "Named experiments of a YAML file.",
        (
            Command("run", "Run experiments one after the other.", "nano_u.cli.experiments:run_command"),
            Command("list", "List the experiments of a file.", "nano_u.cli.experiments:list_command"),
            Command("compare", "Rank finished runs.", "nano_u.cli.experiments:compare_command"),
        ),
    ),
    Command(
        "migrate-config",
        "Bring an old configuration file to the current form.",
        "nano_u.cli.migrate_config:migrate_config",
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` default to the process's own."""
    return run(COMMANDS, sys.argv[1:] if arguments is None else arguments)


def run(commands: Sequence[Command | Group], arguments: Sequence[str]) -> int:
    """Run a command of the table: 0 done, 2 wrong usage or configuration, 1 failed, 70 our mistake, 130 interrupted."""
    options = read_global_options(arguments)
    if options.quiet and options.verbose:
        return _say("nano-u: error: --quiet and --verbose exclude each other", USAGE_EXIT)
    console.configure(options)
    group = LazyGroup("nano-u", SUMMARY, commands, params=_root_parameters())
    try:
        result = group.main(args=list(arguments) or ["--help"], prog_name="nano-u", standalone_mode=False)
    except KeyboardInterrupt:
        result = INTERRUPTED_EXIT
    except typer.Abort:
        return _say("nano-u: aborted", 1)
    except Exception as error:  # noqa: BLE001  (the one place that answers for every error)
        if options.debug:
            traceback.print_exc()
        failure = describe_failure(error, debug=options.debug)
        return _say(failure.line, failure.exit_code)
    if result == INTERRUPTED_EXIT:
        return _say("nano-u: interrupted", INTERRUPTED_EXIT)
    return result if isinstance(result, int) else 0


def _say(line: str, exit_code: int) -> int:
    sys.stderr.write(line + "\n")
    return exit_code


def _root_parameters() -> list[Any]:
    """`--version`, shell completion, and the flags of every command."""

    def flags(
        version: Annotated[
            bool,
            typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
        ] = False,
    ) -> None:
        """Carry the annotations."""

    app = typer.Typer()
    app.command()(flags)
    parameters = typer.main.get_command(app).params
    for parameter in parameters:
        parameter.expose_value = False
    return [*parameters, *global_parameters()]


def _print_version(wanted: bool) -> None:
    if wanted:
        from nano_u import __version__

        typer.echo(f"nano-u {__version__}")
        raise typer.Exit
