"""`nano-u doctor DATA`: whether a dataset can be used and what its numbers will be worth, without TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nano_u.cli import console

if TYPE_CHECKING:
    from rich.text import Text

    from nano_u.config import ExperimentConfig
    from nano_u.data import DoctorReport, Finding, GroupRow
    from nano_u.reporting.table import Table

FILES_SHOWN = 5
GROUPS_SHOWN = 12  # per split: with more, a table of groups tells less than the split's own row
STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def doctor_command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder of images and masks.", show_default=False)],
    mask_suffix: Annotated[str | None, typer.Option(metavar="TEXT", help="End of mask stems: _mask, _L.")] = None,
    image_suffix: Annotated[str | None, typer.Option(metavar="TEXT", help="End of image stems.")] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Its part (?P<group>...) names the video or place; default: up to last _."),
    ] = None,
    ignore_index: Annotated[int | None, typer.Option(metavar="N", help="Mask value of pixels to ignore.")] = None,
    allow_unpaired: Annotated[bool, typer.Option("--allow-unpaired", help="Leave files without partner out.")] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="After DATA: for example dataset.split_seed=1."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Check pairs, sizes, encodings, class share, copies across splits and unreadable files; exit 1 on errors."""
    from nano_u.config import load_experiment

    settings = {
        "dataset.mask_suffix": mask_suffix,
        "dataset.image_suffix": image_suffix,
        "dataset.group_pattern": group_pattern,
        "dataset.ignore_index": ignore_index,
        "dataset.allow_unpaired": allow_unpaired or None,
    }
    report = _examined(data, load_experiment(None, None, overrides or (), settings=settings))
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        _print_report(report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _examined(data: Path, config: ExperimentConfig) -> DoctorReport:
    from rich.progress import Progress

    from nano_u.data import examine

    terminal = console.progress()
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        return examine(
            data,
            config.dataset,
            val_fraction=config.val_fraction,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _print_report(report: DoctorReport) -> None:
    out = console.results()
    out.print(_table(report))
    out.print("")
    for place, (image, mask) in enumerate(report.examples):
        console.note(f"{'pairs' if place == 0 else '':>7}  {image} with {mask}")
    for finding in report.findings:
        out.print(_line(finding), soft_wrap=True)
    out.print(_verdict(report))


def _table(report: DoctorReport) -> Table:
    from nano_u.reporting.table import Column, Table

    columns = [
        Column("split", align="left"),
        Column("group", align="left"),
        Column("images"),
        Column("size"),
        Column("class %"),
        Column("per image %", "per image"),
        Column("masks without class", "no class"),
        Column("masks without background", "all class"),
        Column("to train"),
        Column("near copies %", "near %"),
    ]
    rows = [_cells(row, group) for row, group in _shown_rows(report)]
    told = [place for place in range(len(columns)) if place < 4 or any(row[place] for row in rows)]
    blocks: list[tuple[str, ...]] = []
    for row in rows:
        if blocks and row[0] != blocks[-1][0]:
            blocks.append(("",) * len(told))
        blocks.append(tuple(row[place] for place in told))
    encodings = ", ".join(f"{encoding} ({count:,})" for encoding, count in report.encodings.items()) or "none readable"
    notes = [
        "to train: median distance to the nearest training image, gray levels of 255; for train itself, to the nearest "
        "image of another group.",
        "near copies: images nearer to a training image than training groups are to each other.",
    ]
    return Table(
        f"{report.root}: {report.pairs:,} pairs in {report.layout}; masks: {encodings}",
        tuple(columns[place] for place in told),
        tuple(blocks),
        notes=tuple(notes) if report.rows else (),
    )


def _shown_rows(report: DoctorReport) -> Iterator[tuple[GroupRow, str]]:
    """Rows and what stands in their group column: a split of one group needs one row only."""
    for split in dict.fromkeys(row.split for row in report.rows):
        *groups, whole = (row for row in report.rows if row.split == split)
        if 1 < len(groups) <= GROUPS_SHOWN:
            yield from ((row, row.group or "") for row in groups)
        yield whole, groups[0].group or "" if len(groups) == 1 else f"all {len(groups)} groups"


def _cells(row: GroupRow, group: str) -> tuple[str, ...]:
    least, most = _percent(row.least_positive_share), _percent(row.most_positive_share)
    return (
        row.split,
        group,
        f"{row.images:,}",
        row.sizes[0] if len(row.sizes) == 1 else f"{len(row.sizes)} sizes",
        _percent(row.positive_share),
        f"{least} to {most}" if least else "",
        str(row.masks_without_class or ""),
        str(row.masks_without_background or ""),
        "" if row.nearest_train is None else f"{row.nearest_train:.1f}",
        "" if row.near_copies is None else f"{100 * row.near_copies:.0f}",
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _line(finding: Finding) -> Text:
    from rich.text import Text

    line = Text.assemble((f"{finding.level:>7}  ", STYLES[finding.level]), finding.text)
    if finding.files:
        more = len(finding.files) - FILES_SHOWN
        line.append(f": {', '.join(finding.files[:FILES_SHOWN])}{f' and {more} more' if more > 0 else ''}")
    return line


def _verdict(report: DoctorReport) -> Text:
    from rich.text import Text

    errors, warnings = len(report.errors), len(report.warnings)
    counts = f"{errors} error{'' if errors == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}: "
    verdict = "not usable until the errors are mended" if errors else "ready to train"
    return Text(counts + verdict, style="bold red" if errors else "bold green")
