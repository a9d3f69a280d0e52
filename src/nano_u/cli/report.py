"""`nano-u report RUN...`: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nano_u.cli import console


def report_command(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="A run directory or a folder of the monitor's files; several compare."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="RUN/report.html, for several plots/comparison.html.", show_default=False),
    ] = None,
) -> None:
    """Write one HTML file that opens from disk and needs no network: accuracy, redundancy, advice, memory."""
    from nano_u.workflows.report import write_report

    with console.progress().status("reading") as status:
        written = write_report(runs, output=output, step=lambda text: status.update(text))
    console.note(f"report: {written.path} ({written.size / 1e6:.1f} MB)")
    written.raise_problems()
