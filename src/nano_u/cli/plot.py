"""`nano-u plot`: pictures and advice from the files of the redundancy monitor."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nano_u.cli import console
from nano_u.errors import ConfigError


class PlotType(StrEnum):
    """Which picture."""

    redundancy = "redundancy"
    correlation = "correlation"
    dashboard = "dashboard"
    comparison = "comparison"
    heatmap = "heatmap"


def plot_command(
    csv: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH...", help="Metrics CSV files, run directories, or globs.", show_default=False),
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(metavar="PATH...", help="Two or more of them side by side.", show_default=False)
    ] = None,
    plot_type: Annotated[
        PlotType | None, typer.Option(help="Which picture; the dashboard by default.", show_default=False)
    ] = None,
    draw_all: Annotated[bool, typer.Option("--all", help="Every picture that the files allow.")] = False,
    recommendations: Annotated[
        bool, typer.Option("--recommendations", help="Print advice with its price, and write it as text and JSON.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="One picture: .png, .svg or .pdf.", show_default=False)
    ] = None,
    output_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where pictures go.")] = Path("plots"),
    model_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead of the name in the files.", show_default=False)
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose channels the heatmap shows; the most redundant layer by default."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whose thresholds to use; by default the run's own.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="For example nas.thresholds.high_redundancy=0.8."),
    ] = None,
) -> None:
    """Draw redundancy, correlation, dashboard, heatmap and comparison, or print recommendations; no TensorFlow."""
    from nano_u.reporting.recommendation_text import evidence_table, recommendation_text
    from nano_u.workflows.plotting import PlotRequest, plot_runs

    own, compared = _expanded(csv or ()), _expanded(compare or ())
    if not own and not compared:
        raise ConfigError("plot: name the monitor's files: --csv RUN/nas/MODEL_nas_metrics.csv, or --csv RUN")
    if draw_all and plot_type is not None:
        raise ConfigError(f"plot: --all draws every picture; leave it or --plot-type {plot_type.value} out")
    _check_plot_type(plot_type, own, compared)
    one_by_one = own or (compared if draw_all or recommendations else [])
    wants_comparison = len(own) > 1 if draw_all else plot_type is PlotType.comparison
    request = PlotRequest(
        sources=tuple(one_by_one),
        kinds=_kinds(plot_type, draw_all=draw_all, otherwise=bool(own) and not recommendations),
        compared=tuple(compared or (own if wants_comparison else ())),
        output=output,
        output_dir=output_dir,
        model_name=model_name,
        layer=layer,
        recommendations=recommendations,
        allow_missing=draw_all,
        config=config,
        overrides=tuple(overrides or ()),
    )
    results = plot_runs(request)
    for found in results.advised:
        console.results().print(recommendation_text(found), markup=False, highlight=False, soft_wrap=True)
        if found.findings:
            console.results().print(evidence_table(found))
    for line in (*map(str, results.files), *results.skipped):
        console.note(line)
    results.raise_failures()


def _check_plot_type(plot_type: PlotType | None, own: list[Path], compared: list[Path]) -> None:
    """ConfigError where --plot-type asks for what would not be drawn."""
    if not compared or plot_type is None:
        return
    if plot_type is PlotType.comparison and own:
        raise ConfigError("plot: --plot-type comparison draws nothing of --csv beside --compare; name them in one")
    if plot_type is not PlotType.comparison and not own:
        raise ConfigError(f"plot: --compare draws the comparison, not --plot-type {plot_type.value}; use --csv for it")


def _kinds(plot_type: PlotType | None, *, draw_all: bool, otherwise: bool) -> tuple[str, ...]:
    """The pictures of every run of its own; the dashboard `otherwise`, where none is asked for."""
    if draw_all:
        return ("redundancy", "correlation", "dashboard", "heatmap")
    if plot_type is not None:
        return () if plot_type is PlotType.comparison else (plot_type.value,)
    return ("dashboard",) if otherwise else ()


def _expanded(patterns: Sequence[str]) -> list[Path]:
    """Paths, with globs that the shell left alone expanded; each once, in order."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        if Path(pattern).exists() or not glob.has_magic(pattern):
            found[Path(pattern)] = None
            continue
        matches = sorted(glob.glob(pattern))  # noqa: PTH207  (Path.glob takes no absolute pattern)
        if not matches:
            raise ConfigError(f"plot: no file matches {pattern}")
        found.update(dict.fromkeys(map(Path, matches)))
    return list(found)
