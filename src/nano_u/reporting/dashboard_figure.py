"""The monitor's numbers on one page."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nano_u.config import ThresholdsConfig
from nano_u.reporting.condition_figure import ConditionOverTraining, condition_over_training, draw_condition_panel
from nano_u.reporting.correlation_figure import (
    CorrelationOverTraining,
    correlation_over_training,
    draw_correlation_panel,
)
from nano_u.reporting.correlation_histogram import (
    CorrelationHistogram,
    correlation_histogram,
    draw_correlation_histogram,
)
from nano_u.reporting.figure_style import GREY, INK, LIGHT, PAGE, as_written, in_lines, new_figure, shortened
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.redundancy_figure import (
    RedundancyOverTraining,
    draw_redundancy_panel,
    redundancy_over_training,
)
from nano_u.reporting.table import MISSING, count, ratio

LONGEST_VALUE = 26
"""Characters of a value that fit into its column of the summary."""


@dataclass(frozen=True)
class Dashboard:
    """What the page shows; `summary` is pairs of a name and its value as text."""

    name: str
    redundancy: RedundancyOverTraining
    correlation: CorrelationOverTraining
    histogram: CorrelationHistogram
    condition: ConditionOverTraining
    summary: tuple[tuple[str, str], ...]


def dashboard(run: MonitoredRun, thresholds: ThresholdsConfig) -> Dashboard:
    """All panels of a monitored run."""
    redundancy = redundancy_over_training(run, thresholds)
    return Dashboard(
        run.name,
        redundancy,
        correlation_over_training(run, thresholds),
        correlation_histogram(run),
        condition_over_training(run, thresholds),
        summary_rows(run, redundancy),
    )


def summary_rows(run: MonitoredRun, redundancy: RedundancyOverTraining) -> tuple[tuple[str, str], ...]:
    """The last logged step in words and numbers, beside where it came from."""
    first, last = run.steps[0], run.steps[-1]
    facts = run.facts
    iou = None if facts is None else next((iou for _, iou in reversed(facts.validation_iou) if iou is not None), None)
    dead = sum(layer.dead_channels or 0 for layer in last.layers)
    channels = sum(layer.num_channels for layer in last.layers)
    highest = redundancy.named()[:1]
    return (
        ("logged steps", f"{len(run.steps)} (epoch {first.epoch} to {last.epoch})"),
        ("redundancy score, last", ratio(last.redundancy_score)),
        ("trend", redundancy.trend.word),
        ("mean |r|, last", ratio(last.correlation_mean)),
        ("condition number, last", MISSING if last.condition_number is None else f"{last.condition_number:.3g}"),
        ("layers", count(len(last.layers)) if last.layers else "no file of layers"),
        ("dead channels", f"{dead:,} of {channels:,}" if last.layers else MISSING),
        ("highest score", ratio(highest[0].last) if highest else MISSING),
        ("in layer", shortened(highest[0].layer, LONGEST_VALUE) if highest else MISSING),
        ("validation IoU, last", ratio(iou)),
        ("parameters", count(None if facts is None else facts.parameters)),
        ("multiply-accumulates", count(None if facts is None else facts.macs)),
    )


def draw_dashboard(data: Dashboard) -> Figure:
    """Two columns of panels, the summary below them."""
    figure = new_figure(PAGE, 7.4)
    figure.suptitle(
        in_lines(f"Redundancy of {data.name}", 0.8 * PAGE),
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    grid = figure.add_gridspec(3, 2, height_ratios=(1.25, 1, 0.75))
    over_training = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    draw_redundancy_panel(data.redundancy, over_training[0], title="Redundancy")
    draw_correlation_panel(data.correlation, over_training[1], title="Correlation")
    for axes in over_training:
        _legend_below(axes)
    draw_correlation_histogram(data.histogram, figure.add_subplot(grid[1, 0]), title="Distribution of |r|, as recorded")
    draw_condition_panel(data.condition, figure.add_subplot(grid[1, 1]), title="Condition number")
    draw_summary(data.summary, figure.add_subplot(grid[2, :]))
    return figure


def draw_summary(rows: tuple[tuple[str, str], ...], axes: Axes) -> None:
    """Names and values in two columns of rows."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    half = -(-len(rows) // 2)
    for index, (name, value) in enumerate(rows):
        column, row = divmod(index, half)
        left, top = 0.52 * column, 1 - (row + 0.5) / half
        axes.text(left, top, name, fontsize=8, color=GREY, va="center")
        axes.text(left + 0.23, top, value, fontsize=8, color=INK, va="center", parse_math=False)
        bottom = 1 - (row + 1) / half
        axes.plot([left, left + 0.47], [bottom, bottom], color=LIGHT, linewidth=0.7)


def _legend_below(axes: Axes) -> None:
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.2),
        fontsize=6.5,
        frameon=False,
        labelcolor=INK,
        labelspacing=0.2,
        handlelength=2.2,
        borderaxespad=0,
    )
    as_written(legend)
