"""The flags that every command takes, before or after the command's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

PANEL = "Every command"


@dataclass(frozen=True)
class GlobalOptions:
    """What the user asked for on the whole command line."""

    debug: bool = False
    verbose: bool = False
    quiet: bool = False


def read_global_options(arguments: Sequence[str]) -> GlobalOptions:
    """The flags as they stand anywhere before `--`, known before anything can fail.

    >>> read_global_options(["train", "--debug", "--", "--quiet"])
    GlobalOptions(debug=True, verbose=False, quiet=False)
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = set(arguments[:end])
    return GlobalOptions("--debug" in given, "--verbose" in given, "--quiet" in given)


def global_parameters() -> list[Any]:
    """Command-line parameters that accept and document the flags; their values come from `read_global_options`."""

    def flags(
        debug: Annotated[
            bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=PANEL)
        ] = False,
        verbose: Annotated[
            bool, typer.Option("--verbose", help="Say more while working.", rich_help_panel=PANEL)
        ] = False,
        quiet: Annotated[
            bool, typer.Option("--quiet", help="Print results and errors only.", rich_help_panel=PANEL)
        ] = False,
    ) -> None:
        """Carry the annotations."""

    app = typer.Typer(add_completion=False)
    app.command()(flags)
    parameters = typer.main.get_command(app).params
    for parameter in parameters:
        parameter.expose_value = False
    return list(parameters)
