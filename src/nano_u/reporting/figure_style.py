"""What all figures share: colours that the colour-blind tell apart, quiet axes, and no global state."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008).
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#6E6E6E"
INK = "#222222"
LIGHT = "#E4E4E4"


def new_figure(width: float, height: float) -> Figure:
    """A figure of that many inches that belongs to no window and no pyplot registry."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def quiet_axes(axes: Axes, *, title: str, x_label: str, y_label: str) -> None:
    """Title at the left, no box, a faint grid behind the data; text is never read as mathematics."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    axes.set_xlabel(x_label, fontsize=9.5, color=INK)
    axes.set_ylabel(y_label, fontsize=9.5, color=INK)
    axes.tick_params(labelsize=9, colors=INK, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.grid(color=LIGHT, linewidth=0.8)
    axes.set_axisbelow(True)
