"""`nano-u verify DIR`: a C bundle's certificate, earned again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nano_u.cli import console


def verify_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A bundle that nano-u export --c wrote.", show_default=False)
    ],
    full: Annotated[
        bool, typer.Option("--full", help="All compilers, optimisations, sanitizers and emulated cores.")
    ] = False,
) -> None:
    """Compute the outputs again with everything that can, and compare every byte; nothing is written.

    Exit code 1 where a byte differs, where a file was changed since it was certified, or where no C can be run here.
    """
    from nano_u.cli.progress import step_bars
    from nano_u.reporting.certificate import certificate_verdict, witness_table
    from nano_u.workflows.c_export import raise_unproven, verify_bundle

    with step_bars() as step:
        certificate = verify_bundle(folder, full=full, progress=step)
    console.results().print(witness_table(certificate))
    raise_unproven(folder, certificate)
    console.note(f"\n{folder}: {certificate_verdict(certificate).text}")
