"""Precision against recall, and every metric against the threshold."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nano_u.evaluation import PrecisionRecallCurve, SegmentationMetrics, ThresholdSweep
from nano_u.reporting.figure_style import BLUE, GREEN, GREY, INK, ORANGE, SKY, new_figure, quiet_axes

_SWEEP_LINES = (
    ("iou", "IoU", BLUE, 2.4, "-"),
    ("f1", "F1", SKY, 1.5, "-"),
    ("precision", "precision", ORANGE, 1.5, "--"),
    ("recall", "recall", GREEN, 1.5, "-."),
)


def draw_precision_recall(
    curve: PrecisionRecallCurve,
    *,
    floor: PrecisionRecallCurve | None = None,
    operating: SegmentationMetrics | None = None,
    threshold: float = 0.5,
    title: str = "Precision and recall",
) -> Figure:
    """The model's curve, the no-learning floor's beside it, and where the `operating` metrics lie on the plane."""
    figure = new_figure(5.0, 4.9)
    axes = figure.add_subplot()
    quiet_axes(axes, title=title, x_label="recall", y_label="precision")
    if curve.average_precision is None:
        axes.text(0.5, 0.5, "no foreground in the truth", ha="center", color=GREY, fontsize=10)
    else:
        label = f"model, AP {curve.average_precision:.3f}"
        axes.plot(curve.recall, curve.precision, color=BLUE, linewidth=2.2, label=label)
    if floor is not None and floor.average_precision is not None:
        label = f"no-learning floor, AP {floor.average_precision:.3f}"
        axes.plot(floor.recall, floor.precision, color=GREY, linewidth=1.5, linestyle="--", label=label)
    if curve.foreground_share is not None:
        label = f"foreground everywhere, {curve.foreground_share:.3f}"
        axes.axhline(curve.foreground_share, color=GREY, linewidth=1, linestyle=":", label=label)
    if operating is not None and operating.recall is not None and operating.precision is not None:
        point = Line2D(
            [operating.recall], [operating.precision], marker="o", markersize=8, linestyle="none", color=BLUE
        )
        point.set(label=f"model at threshold {threshold:g}", markeredgecolor="white", clip_on=False)
        axes.add_line(point)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    axes.legend(loc="lower left", fontsize=8.5, framealpha=0.9, edgecolor="none", labelcolor=INK)
    return figure


def draw_threshold_sweep(
    sweep: ThresholdSweep,
    *,
    threshold: float = 0.5,
    floor_iou: float | None = None,
    title: str = "Threshold sweep",
) -> Figure:
    """IoU, F1, precision and recall at every threshold; the one in use and the best are marked."""
    figure = new_figure(6.8, 4.6)
    axes = figure.add_subplot()
    quiet_axes(axes, title=title, x_label="threshold (probability)", y_label="metric")
    thresholds = [point.threshold for point in sweep.points]
    for name, label, color, width, line in _SWEEP_LINES:
        values = [getattr(point.metrics, name) for point in sweep.points]
        gaps = [float("nan") if value is None else value for value in values]
        axes.plot(thresholds, gaps, color=color, linewidth=width, linestyle=line, label=label)
    if floor_iou is not None:
        axes.axhline(floor_iou, color=GREY, linewidth=1.2, linestyle=":", label=f"floor IoU {floor_iou:.3f}")
    axes.axvline(threshold, color=INK, linewidth=1, alpha=0.5, label=f"in use, {threshold:g}")
    best = sweep.best
    if best is not None and best.metrics.iou is not None:
        label = f"best IoU {best.metrics.iou:.3f} at {best.threshold:.2f} (not applied)"
        axes.plot(best.threshold, best.metrics.iou, "o", color=BLUE, markeredgecolor="white", markersize=8, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    figure.legend(loc="outside lower center", ncols=4, fontsize=8.5, frameon=False, labelcolor=INK)
    return figure
