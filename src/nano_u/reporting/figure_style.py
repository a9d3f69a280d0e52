"""What all figures share: colours that the colour-blind tell apart, quiet axes, and no global state."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

# Okabe and Ito, "Color Universal Design" (2008).
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
YELLOW = "#F0E442"
GREY = "#6E6E6E"
INK = "#222222"
LIGHT = "#E4E4E4"

COLUMN = 3.5
"""Inches of a paper's column, for figures with one panel: at 100 % they need no shrinking, on paper or on a screen."""

PAGE = 7.16
"""Inches of a paper's two columns, for figures with several panels."""

SMALL = 7.5
"""Points of the smallest text in those figures."""

LETTERS_PER_INCH = 11
"""Of a panel's title, which is bold and of 9 points."""

LONGEST_NAME = 44
"""Characters of a name beside or below a picture."""


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


def compact_axes(axes: Axes, *, title: str, x_label: str, y_label: str) -> None:
    """`quiet_axes` for a panel of a paper's column."""
    quiet_axes(axes, title="", x_label="", y_label="")
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold", color=INK, parse_math=False)
    axes.set_xlabel(x_label, fontsize=8, color=INK)
    axes.set_ylabel(y_label, fontsize=8, color=INK)
    axes.tick_params(labelsize=SMALL)


def in_lines(title: str, width: float) -> str:
    """The title of a panel in lines that fit into so many inches.

    Matplotlib's own wrapping reads every text as mathematics.
    """
    return textwrap.fill(title, int(LETTERS_PER_INCH * width))


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name in at most `longest` characters, its beginning left out where it has more."""
    return name if len(name) <= longest else f"...{name[3 - longest :]}"


def say_instead(axes: Axes, text: str) -> None:
    """Write into the middle of an empty panel why it is empty."""
    look: dict[str, Any] = {"fontsize": 8, "color": GREY, "style": "italic", "transform": axes.transAxes}
    axes.text(0.5, 0.5, text, ha="center", va="center", **look)


@contextmanager
def any_script() -> Iterator[None]:
    """Lay out and save text without a warning for letters that the font lacks: names come in every script."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def as_written(legend: Legend) -> None:
    """Show the legend's names as they are, never as mathematics."""
    for text in legend.get_texts():
        text.set_parse_math(False)
