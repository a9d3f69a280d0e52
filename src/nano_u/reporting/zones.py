"""Bands behind a plot, named at its right edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from nano_u.reporting.bands import Band
from nano_u.reporting.figure_style import GREEN, INK, SMALL, VERMILION, YELLOW

_COLOURS = {0: (GREEN, 0.20), 1: (GREEN, 0.08), 2: (YELLOW, 0.22), 3: (VERMILION, 0.15)}
_LOWEST_NAMED = 0.055  # a thinner band has no room for its name


def draw_zones(axes: Axes, bands: Sequence[Band], positions: Sequence[int]) -> None:
    """Colour the bands and name them; sets the limits of both axes, with room for the names at the right."""
    first, last = min(positions), max(positions)
    span = max(last - first, 1)
    left, right = (first - 0.02 * span, last + 0.26 * span) if last > first else (first - 0.5, last + 0.7)
    for band in bands:
        colour, alpha = _COLOURS[band.concern]
        axes.axhspan(band.low, band.high, color=colour, alpha=alpha, linewidth=0, zorder=0)
        if band.high - band.low >= _LOWEST_NAMED:
            middle = (band.low + band.high) / 2
            axes.text(
                right - 0.012 * (right - left), middle, band.name, ha="right", va="center", fontsize=SMALL, color=INK
            )
    axes.set(xlim=(left, right), ylim=(0, 1))
    ticks = MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]).tick_values(first, last)
    axes.set_xticks([first] if first == last else [tick for tick in ticks if first <= tick <= last])
    axes.grid(visible=False)


def plotted(values: Sequence[float | None]) -> list[float]:
    """Values for a line that has a gap where one is None."""
    return [float("nan") if value is None else value for value in values]


def lone_marks(values: Sequence[float | None]) -> dict[str, Any]:
    """Style of a line that marks the values without a neighbour, which no line would show."""
    padded = [None, *values, None]
    lone = [
        index
        for index, (before, value, after) in enumerate(zip(padded, values, padded[2:], strict=False))
        if value is not None and before is None and after is None
    ]
    return {"marker": "o", "markevery": lone} if lone else {}
