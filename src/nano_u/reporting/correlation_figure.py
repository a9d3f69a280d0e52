"""Mean correlation between channels over training, with its spread."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nano_u.config import ThresholdsConfig
from nano_u.reporting.bands import Band, correlation_zones
from nano_u.reporting.figure_style import BLUE, COLUMN, INK, SMALL, VERMILION, compact_axes, in_lines, new_figure
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis, training_axis
from nano_u.reporting.trend import Trend, trend
from nano_u.reporting.zones import draw_zones, lone_marks, plotted


@dataclass(frozen=True)
class CorrelationOverTraining:
    """Mean and standard deviation of abs(r) over channel pairs, weighted over layers by channels; None = undefined."""

    axis: TrainingAxis
    mean: tuple[float | None, ...]
    std: tuple[float | None, ...]
    zones: tuple[Band, ...]
    warning_line: float
    trend: Trend

    def band(self) -> tuple[tuple[float, float], ...]:
        """Mean minus and plus one standard deviation at every step, inside [0, 1]; NaN where not defined."""
        nan = float("nan")
        pairs = zip(self.mean, self.std, strict=True)
        return tuple(
            (nan, nan) if mean is None or std is None else (max(0.0, mean - std), min(1.0, mean + std))
            for mean, std in pairs
        )


def correlation_over_training(run: MonitoredRun, thresholds: ThresholdsConfig) -> CorrelationOverTraining:
    """What the picture shows of a monitored run."""
    mean = tuple(step.correlation_mean for step in run.steps)
    return CorrelationOverTraining(
        training_axis(run.steps),
        mean,
        tuple(step.correlation_std for step in run.steps),
        correlation_zones(thresholds),
        thresholds.high_correlation,
        trend(mean),
    )


def draw_correlation(data: CorrelationOverTraining, *, title: str = "Channel correlation over training") -> Figure:
    """One panel of a paper's width."""
    figure = new_figure(COLUMN, 3.0)
    axes = figure.add_subplot()
    draw_correlation_panel(data, axes, title=in_lines(title, COLUMN - 0.5))
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower left",
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
        labelspacing=0.25,
    )
    return figure


def draw_correlation_panel(data: CorrelationOverTraining, axes: Axes, *, title: str) -> None:
    """Zones behind, the mean as a line in a band of one standard deviation, the warning line dashed."""
    compact_axes(axes, title=title, x_label=data.axis.label, y_label="mean |r| (0 to 1)")
    draw_zones(axes, data.zones, data.axis.positions)
    low, high = zip(*data.band(), strict=True)
    axes.fill_between(data.axis.positions, low, high, color=BLUE, alpha=0.22, linewidth=0, label="one std. deviation")
    last = next((value for value in reversed(data.mean) if value is not None), None)
    label = "mean: not defined" if last is None else f"{last:.2f}  mean over pairs, {data.trend.word}"
    axes.plot(
        data.axis.positions,
        plotted(data.mean),
        color=BLUE,
        linewidth=2,
        markersize=4,
        label=label,
        **lone_marks(data.mean),
    )
    if len(data.axis.positions) == 1:
        axes.vlines(data.axis.positions, low, high, color=BLUE, linewidth=1.5)
    axes.axhline(
        data.warning_line, color=VERMILION, linewidth=1, linestyle="--", label=f"warning line {data.warning_line:g}"
    )
