"""Accuracy against cost: which experiments nothing cheaper matches, and which are beaten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from nano_u.errors import ConfigError
from nano_u.reporting.figure_style import BLUE, GREY, INK, SKY, any_script, new_figure, quiet_axes, shortened
from nano_u.reporting.label_placement import Box
from nano_u.reporting.mark_labels import MARK_SIZE, POINTS_PER_INCH, Mark, label_marks, on_page

MAX_LABELS = 8
"""More points than these are numbered, and the names stand beside the picture."""

LONGEST_LABEL = 26
"""One longer than this has the points numbered too."""

AS_SHORT_AS_NUMBERS = 4
"""Labels of so few characters stand at their points however many there are."""

NAMES_PER_COLUMN = 24
LOG_FROM_RATIO = 10.0

SMALLEST_IOU_RANGE = 0.02
"""The picture never spans less, lest noise look like a difference."""

NEAR_FLOOR = 0.08
"""A floor so near the points is always drawn."""

FRONT_WIDTH = 2.0
SIDE_BY_SIDE = 10.0
WIDEST_GROUP = 90.0


@dataclass(frozen=True)
class ParetoPoint:
    """One experiment: mean IoU, its range over the seeds (None for one seed), and what the network costs."""

    label: str
    iou: float
    iou_low: float | None
    iou_high: float | None
    cost: float


@dataclass(frozen=True)
class ParetoData:
    """One panel; a point is on the front if no other is as cheap and as good, and better in one of the two."""

    points: tuple[ParetoPoint, ...]
    on_front: tuple[bool, ...]
    cost_label: str
    iou_label: str
    floor: float | None

    @property
    def front(self) -> tuple[ParetoPoint, ...]:
        """The points on the front, the cheapest first."""
        chosen = (point for point, is_on in zip(self.points, self.on_front, strict=True) if is_on)
        return tuple(sorted(chosen, key=lambda point: point.cost))


def pareto_data(
    points: Sequence[ParetoPoint], cost_label: str, iou_label: str, floor: float | None = None
) -> ParetoData:
    """The points with those of the front marked; equal points are on it together. `floor` is the no-learning IoU."""
    on_front = tuple(not any(_beats(other, point) for other in points) for point in points)
    return ParetoData(tuple(points), on_front, cost_label, iou_label, floor)


def draw_pareto(data: Sequence[ParetoData], *, title: str = "Accuracy against cost") -> Figure:
    """The panels side by side, of the same experiments in the same order; ConfigError where there is no point."""
    if not data or not all(panel.points for panel in data):
        raise ConfigError("no experiment has both an IoU and a cost; there is nothing to draw")
    figure = _new_figure(data)
    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    panels = figure.subplots(1, len(data), squeeze=False, sharey=True)[0]
    for axes, panel in zip(panels, data, strict=True):
        _draw_panel(axes, panel)
    for axes in panels[1:]:
        axes.set_ylabel("")
    panels[0].set_ylim(*_iou_limits(data))
    _add_legends(figure, data)
    with any_script():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the free places hang on the layout: another resolution must not move it
        for axes, panel in zip(panels, data, strict=True):
            texts = [str(number) if _is_numbered(data) else name for number, name in enumerate(_labels(panel), 1)]
            label_marks(axes, _marks(axes, panel), texts, lines=_lines(axes, panel), bold=panel.on_front)
    return figure


def _new_figure(data: Sequence[ParetoData]) -> Figure:
    """As wide as its panels and the names beside them need."""
    names = 0.0
    if _is_numbered(data):
        names = _name_columns(data) * (0.075 * max(map(len, _names(data))) + 0.45)
    figure = new_figure(0.6 + 5.0 * len(data) + names, 5.0)
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(w_pad=0.1, wspace=0.04)
    return figure


def _beats(other: ParetoPoint, point: ParetoPoint) -> bool:
    is_no_worse = other.cost <= point.cost and other.iou >= point.iou
    return is_no_worse and (other.cost < point.cost or other.iou > point.iou)


def _draw_panel(axes: Axes, data: ParetoData) -> None:
    shifts = _shifts(data.points)
    cost_label = f"{data.cost_label}; equal ones side by side" if any(shifts) else data.cost_label
    quiet_axes(axes, title="", x_label=cost_label, y_label=data.iou_label)
    _scale_costs(axes, [point.cost for point in data.points])
    right = axes.get_xlim()[1]
    x, y = [point.cost for point in data.front], [point.iou for point in data.front]
    axes.step([*x, right], [*y, y[-1]], where="post", color=SKY, linewidth=FRONT_WIDTH, zorder=2)
    for point, is_on, shift in zip(data.points, data.on_front, shifts, strict=True):
        _draw_point(axes, point, is_on, shift)
    if _shows_floor(data):
        axes.axhline(data.floor or 0.0, color=GREY, linewidth=1.4, linestyle=":")


def _draw_point(axes: Axes, point: ParetoPoint, is_on_front: bool, shift: float) -> None:
    """Mark and range; `shift` points beside its cost."""
    place = axes.transData + ScaledTranslation(shift / POINTS_PER_INCH, 0, axes.figure.dpi_scale_trans)
    if point.iou_low is not None and point.iou_high is not None:
        whisker = _whisker([point.cost, point.cost], [point.iou_low, point.iou_high])
        whisker.set_transform(place)
        axes.add_line(whisker)
    mark = _mark([point.cost], [point.iou], is_on_front)
    mark.set_transform(place)
    axes.add_line(mark)


def _mark(x: Sequence[float], y: Sequence[float], is_on_front: bool) -> Line2D:
    shape, fill, edge = ("o", BLUE, "white") if is_on_front else ("s", "white", GREY)
    size = MARK_SIZE if is_on_front else MARK_SIZE - 1.5
    line = Line2D(x, y, linestyle="none", marker=shape, markersize=size, color=fill, zorder=4, clip_on=False)
    line.set(markeredgecolor=edge, markeredgewidth=0.8 if is_on_front else 1.5)
    return line


def _whisker(x: Sequence[float], y: Sequence[float]) -> Line2D:
    return Line2D(x, y, color=GREY, linewidth=1.0, marker="_", markersize=5, zorder=3)


def _shifts(points: Sequence[ParetoPoint]) -> list[float]:
    """Points of length by which each mark stands beside its cost; of equal costs the best stands where it belongs."""
    shifts = [0.0] * len(points)
    for cost in {point.cost for point in points}:
        group = [index for index, point in enumerate(points) if point.cost == cost]
        step = min(SIDE_BY_SIDE, WIDEST_GROUP / len(group))
        for rank, index in enumerate(sorted(group, key=lambda index: -points[index].iou)):
            shifts[index] = step * ((rank + 1) // 2) * (1 if rank % 2 else -1)
    return shifts


def _scale_costs(axes: Axes, costs: Sequence[float]) -> None:
    """Limits with room for marks and labels; logarithmic where the costs differ more than tenfold."""
    low, high = min(costs), max(costs)
    if low > 0 and high > LOG_FROM_RATIO * low:
        room = (high / low) ** 0.14
        axes.set_xscale("log")
        axes.set_xlim(low / room, high * room)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        room = 0.14 * (high - low) if high > low else 0.1 * high or 1.0
        axes.set_xlim(low - room, high + room)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _iou_limits(data: Sequence[ParetoData]) -> tuple[float, float]:
    low, high = _iou_range([point for panel in data for point in panel.points])
    floors = [panel.floor for panel in data if panel.floor is not None and _shows_floor(panel)]
    low, high = min(low, *floors, high), max(low, *floors, high)
    middle, half = (low + high) / 2, max(high - low, SMALLEST_IOU_RANGE) / 2
    return middle - 1.16 * half, middle + 1.16 * half


def _iou_range(points: Sequence[ParetoPoint]) -> tuple[float, float]:
    """The lowest and the highest IoU of any seed."""
    low = min(point.iou if point.iou_low is None else point.iou_low for point in points)
    return low, max(point.iou if point.iou_high is None else point.iou_high for point in points)


def _shows_floor(data: ParetoData) -> bool:
    """Whether there is a floor, and so near the points that they keep enough of the height."""
    if data.floor is None:
        return False
    low, high = _iou_range(data.points)
    return max(low - data.floor, data.floor - high) <= max(high - low, NEAR_FLOOR)


def _is_numbered(data: Sequence[ParetoData]) -> bool:
    longest = max(len(point.label) for point in data[0].points)
    return longest > (LONGEST_LABEL if len(data[0].points) <= MAX_LABELS else AS_SHORT_AS_NUMBERS)


def _names(data: Sequence[ParetoData]) -> list[str]:
    """What stands beside the picture: each point's number and name."""
    return [f"{number}  {name}" for number, name in enumerate(_labels(data[0]), 1)]


def _labels(data: ParetoData) -> list[str]:
    """The points' labels, of long ones the end."""
    return [shortened(point.label) for point in data.points]


def _name_columns(data: Sequence[ParetoData]) -> int:
    return math.ceil(len(data[0].points) / NAMES_PER_COLUMN)


def _add_legends(figure: Figure, data: Sequence[ParetoData]) -> None:
    style: dict[str, Any] = {"fontsize": 8.5, "frameon": False, "labelcolor": INK}
    figure.legend(handles=_legend(data), loc="outside lower center", ncols=2 * len(data), **style)
    if _is_numbered(data):
        handles = [Line2D([], [], linestyle="none", label=name) for name in _names(data)]
        style |= {"ncols": _name_columns(data), "handlelength": 0, "handletextpad": 0}
        names = figure.legend(handles=handles, loc="outside right upper", **style)
        for text in names.get_texts():
            text.set_parse_math(False)


def _legend(data: Sequence[ParetoData]) -> list[Line2D]:
    front = _mark([], [], True)
    front.set(label="front: no other is as cheap and as good", linestyle="-", linewidth=FRONT_WIDTH, color=SKY)
    front.set_markerfacecolor(BLUE)
    handles = [front]
    if not all(is_on for panel in data for is_on in panel.on_front):
        beaten = _mark([], [], False)
        beaten.set_label("beaten")
        handles.append(beaten)
    if any(point.iou_low is not None for point in data[0].points):
        whisker = _whisker([], [])
        whisker.set(label="lowest to highest seed", marker="|", markersize=6)
        handles.append(whisker)
    if data[0].floor is not None:
        label = _floor_label(data[0], data[0].floor)
        handles.append(Line2D([], [], color=GREY, linewidth=1.4, linestyle=":", label=label))
    return handles


def _floor_label(data: ParetoData, floor: float) -> str:
    label = f"no-learning floor {floor:.3f}"
    if _shows_floor(data):
        return label
    return f"{label}, {'below' if floor < _iou_range(data.points)[0] else 'above'} the picture"


def _marks(axes: Axes, data: ParetoData) -> list[Mark]:
    """Where marks and ranges are on the page."""
    marks = []
    for point, shift in zip(data.points, _shifts(data.points), strict=True):
        low = point.iou if point.iou_low is None else point.iou_low
        high = point.iou if point.iou_high is None else point.iou_high
        (x, y), (_, bottom), (_, top) = on_page(axes, [(point.cost, iou) for iou in (point.iou, low, high)])
        marks.append(Mark(x + shift, y, bottom, top))
    return marks


def _lines(axes: Axes, data: ParetoData) -> list[Box]:
    """The front and the floor as thin boxes on the page."""
    left, right = axes.get_xlim()
    stops = [*((point.cost, point.iou) for point in data.front), (right, data.front[-1].iou)]
    ends = [((x, y), (next_x, y)) for (x, y), (next_x, _) in pairwise(stops)]
    ends += [((x, y), (x, next_y)) for (_, y), (x, next_y) in pairwise(stops)]
    if data.floor is not None and _shows_floor(data):
        ends.append(((left, data.floor), (right, data.floor)))
    corners = [on_page(axes, pair) for pair in ends]
    return [Box(*low, *high).grown(FRONT_WIDTH / 2) for low, high in corners]
