"""Learning curves: loss and IoU by epoch, training beside validation."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nano_u.errors import RunError
from nano_u.reporting.figure_style import BLUE, GREY, INK, ORANGE, new_figure, quiet_axes
from nano_u.reporting.history import History

_PANELS = (("loss", "loss"), ("iou", "IoU"))


def draw_history(history: History, *, floor_iou: float | None = None, title: str = "") -> Figure:
    """One panel per measure that the history holds; `floor_iou` is the no-learning floor on the validation split."""
    panels = [(name, label) for name, label in _PANELS if name in history.series or f"val_{name}" in history.series]
    if not panels or not history.epochs:
        raise RunError("the history holds no epoch with a loss or an IoU; there is nothing to draw")
    figure = new_figure(4.6 * len(panels), 3.6)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    for axes, (name, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        quiet_axes(axes, title=label, x_label="epoch", y_label="")
        _draw_lines(axes, history, name)
        if name == "iou":
            _finish_iou(axes, history, floor_iou)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none", labelcolor=INK)
    return figure


def _draw_lines(axes: Axes, history: History, name: str) -> None:
    marker = "o" if len(history.epochs) == 1 else ""
    for column, label, color in ((name, "training", ORANGE), (f"val_{name}", "validation", BLUE)):
        if column in history.series:
            values = [float("nan") if value is None else value for value in history.series[column]]
            axes.plot(history.epochs, values, color=color, linewidth=1.8, marker=marker, label=label)


def _finish_iou(axes: Axes, history: History, floor_iou: float | None) -> None:
    best = history.best_epoch("val_iou") or history.best_epoch("iou")
    if best is not None:
        label = f"best {best[1]:.3f}, epoch {best[0]}"
        axes.plot(*best, "o", color=BLUE, markeredgecolor="white", markersize=8, label=label)
    if floor_iou is not None:
        axes.axhline(floor_iou, color=GREY, linewidth=1.2, linestyle=":", label=f"no-learning floor {floor_iou:.3f}")
    axes.set_ylim(0, 1.02)
