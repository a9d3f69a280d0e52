"""The largest condition number among the layers over training."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from nano_u.config import ThresholdsConfig
from nano_u.reporting.figure_style import BLUE, INK, SMALL, VERMILION, compact_axes, say_instead
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis, training_axis
from nano_u.reporting.zones import lone_marks, plotted


@dataclass(frozen=True)
class ConditionOverTraining:
    """Largest / smallest eigenvalue of the worst layer at every step, at least 1; above `poor` it is poor."""

    axis: TrainingAxis
    values: tuple[float | None, ...]
    poor: float


def condition_over_training(run: MonitoredRun, thresholds: ThresholdsConfig) -> ConditionOverTraining:
    """What the panel shows of a monitored run."""
    values = tuple(step.condition_number for step in run.steps)
    return ConditionOverTraining(training_axis(run.steps), values, thresholds.poor_conditioning)


def draw_condition_panel(data: ConditionOverTraining, axes: Axes, *, title: str) -> None:
    """A line on a logarithmic axis, the threshold dashed."""
    compact_axes(axes, title=title, x_label=data.axis.label, y_label="condition number")
    if all(value is None for value in data.values):
        axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
        say_instead(axes, "not defined")
        return
    marks = lone_marks(data.values)
    axes.plot(data.axis.positions, plotted(data.values), color=BLUE, linewidth=1.6, label="worst layer", **marks)
    axes.axhline(data.poor, color=VERMILION, linewidth=1, linestyle="--", label=f"poor above {data.poor:g}")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_yscale("log")
    axes.set_ylim(bottom=1)
    axes.legend(fontsize=SMALL, frameon=True, framealpha=0.85, edgecolor="none", labelcolor=INK, loc="lower right")
