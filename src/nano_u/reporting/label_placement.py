"""Where labels go beside their points so that nothing lies on anything else, as far as there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

GAP = 3.0
"""Free space around a label; any unit of length, points in our figures."""

NEAR = 16.0
"""A label within this distance belongs to the point without a line between them."""

_RINGS = (8.0, 14.0, 22.0, 32.0, 44.0, 58.0, 74.0)
_STEPS = 16


class Box(NamedTuple):
    """A rectangle along the axes."""

    left: float
    bottom: float
    right: float
    top: float

    def grown(self, margin: float) -> Box:
        """The box with `margin` more on every side."""
        return Box(self.left - margin, self.bottom - margin, self.right + margin, self.top + margin)

    def overlap(self, other: Box) -> float:
        """Area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def nearest(self, point: tuple[float, float]) -> tuple[float, float]:
        """The place in the box that is nearest to the point."""
        return min(max(point[0], self.left), self.right), min(max(point[1], self.bottom), self.top)

    def distance(self, point: tuple[float, float]) -> float:
        """How far the point is from the box; 0 within it."""
        return math.dist(point, self.nearest(point))

    @property
    def area(self) -> float:
        """Width times height."""
        return (self.right - self.left) * (self.top - self.bottom)


def place_labels(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    inside: Box,
    obstacles: Sequence[Box] = (),
) -> tuple[Box, ...]:
    """A box of each size near its point, `inside`, off the obstacles and off each other.

    One after the other, each at the nearest free place, right of its point first; where none is free, at the one that
    covers least. A place nearer to another point than to its own, or behind another one, counts as covered.
    """
    taken = list(obstacles)
    placed = []
    for point, size in zip(points, sizes, strict=True):
        others = [other for other in points if other != point]
        costs: dict[Box, float] = {}
        for place in _places(point, size):
            costs[place] = _cost(place, point, others, taken, inside)
            if costs[place] == 0:
                break
        box = min(costs, key=costs.__getitem__)
        placed.append(box)
        taken.append(box)
    return tuple(placed)


def _places(point: tuple[float, float], size: tuple[float, float]) -> list[Box]:
    """Places around the point, the nearest first; to the right, to the left, then between."""
    angles = sorted((2 * math.pi * step / _STEPS for step in range(_STEPS)), key=lambda angle: abs(math.sin(angle)))
    return [_beside(point, size, ring, angle) for ring in _RINGS for angle in angles]


def _beside(point: tuple[float, float], size: tuple[float, float], distance: float, angle: float) -> Box:
    """A box of `size` whose middle lies at `angle` and whose near edge lies `distance` from the point."""
    across, up = math.cos(angle), math.sin(angle)
    x = point[0] + across * distance + size[0] / 2 * max(-1.0, min(1.0, 1.6 * across))
    y = point[1] + up * distance + size[1] / 2 * up
    return Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)


def _cost(
    place: Box, point: tuple[float, float], others: Sequence[tuple[float, float]], taken: Sequence[Box], inside: Box
) -> float:
    """Area of the place that is not free; all of it where the place would be read as another point's."""
    grown = place.grown(GAP)
    outside = grown.area - grown.overlap(inside)
    covered = outside + sum(grown.overlap(box) for box in taken)
    nearest_other = min((place.distance(other) for other in others), default=math.inf)
    way = (point, place.nearest(point))
    is_misleading = nearest_other < min(NEAR, place.distance(point)) or any(_is_on(other, *way) for other in others)
    return round(covered + (grown.area if is_misleading else 0.0), 6)  # rounding: what just touches is free


def _is_on(point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether the point lies on the straight way from `start` to `end`, or within `GAP` of it."""
    across, up = end[0] - start[0], end[1] - start[1]
    length = across**2 + up**2
    along = ((point[0] - start[0]) * across + (point[1] - start[1]) * up) / length if length else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.dist(point, (start[0] + along * across, start[1] + along * up)) < GAP
