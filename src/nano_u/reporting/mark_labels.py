"""Names beside the marks of a picture whose layout is settled; lengths are points from the figure's corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from nano_u.reporting.figure_style import GREY, INK
from nano_u.reporting.label_placement import NEAR, Box, place_labels

POINTS_PER_INCH = 72.0
MARK_SIZE = 8.0


class Mark(NamedTuple):
    """The middle of a mark, and from where to where its range goes."""

    x: float
    y: float
    bottom: float
    top: float

    @property
    def boxes(self) -> tuple[Box, Box]:
        """What the mark and its range cover."""
        half = MARK_SIZE / 2
        return Box(self.x, self.y, self.x, self.y).grown(half), Box(self.x - 2.5, self.bottom, self.x + 2.5, self.top)


def on_page(axes: Axes, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Data coordinates as points from the figure's corner."""
    pixels = axes.transData.transform(places) * (POINTS_PER_INCH / axes.figure.dpi)
    return [(float(x), float(y)) for x, y in pixels]


def label_marks(
    axes: Axes, marks: Sequence[Mark], texts: Sequence[str], *, lines: Sequence[Box] = (), bold: Sequence[bool]
) -> None:
    """Write each text beside its mark, clear of all else as far as there is room; a thin line where it is far.

    A mark whose text is empty gets none, and keeps its place from the others' texts.
    """
    named = [index for index, text in enumerate(texts) if text]
    figure = axes.figure
    scale = POINTS_PER_INCH / figure.dpi
    # A transform in inches, not in data: the text keeps its place on the page at any resolution.
    labels = [
        axes.text(0, 0, text, transform=figure.dpi_scale_trans, fontsize=8.5, color=INK) for text in texts if text
    ]
    for label, index in zip(labels, named, strict=True):
        weight = "bold" if bold[index] else "normal"
        label.set(parse_math=False, in_layout=False, va="bottom", zorder=5, fontweight=weight)
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    extents = [label.get_window_extent() for label in labels]
    window = axes.get_window_extent()
    points = [(mark.x, mark.y) for mark in marks]
    places = [points[index] for index in named]
    boxes = place_labels(
        places,
        [(extent.width * scale, extent.height * scale) for extent in extents],
        inside=Box(*(edge * scale for edge in (window.x0, window.y0, window.x1, window.y1))),
        obstacles=[*lines, *(box for mark in marks for box in mark.boxes)],
    )
    for label, point, box in zip(labels, places, boxes, strict=True):
        label.set_position((box.left / POINTS_PER_INCH, box.bottom / POINTS_PER_INCH))
        nearest_other = min((box.distance(other) for other in points if other != point), default=NEAR)
        if box.distance(point) > min(NEAR, nearest_other):
            _tie(axes, point, box)


def _tie(axes: Axes, point: tuple[float, float], box: Box) -> None:
    """A thin line from the mark to its label."""
    ends = (point, box.nearest(point))
    x, y = [end[0] / POINTS_PER_INCH for end in ends], [end[1] / POINTS_PER_INCH for end in ends]
    line = Line2D(x, y, transform=axes.figure.dpi_scale_trans, color=GREY, linewidth=0.6, zorder=1)
    line.set_in_layout(False)
    axes.add_line(line)
