"""Along one axis: which pixels of a stored tensor are read, through resizes and margins that are not computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nano_u.quantization import QuantizedOp, margins
from nano_u.quantization.resizing import bilinear_neighbours, nearest_indices

NOWHERE = -1
"""In place of a pixel's index: a margin, whose value is the tensor's zero point."""

LARGEST_FACTOR = 8
"""By which a resize may enlarge or reduce and still be written as a formula, not as a table."""

Indices = tuple[int, ...]
"""One index of a stored pixel, or NOWHERE, per position."""


def identity(size: int) -> Indices:
    """Every position is the pixel itself."""
    return tuple(range(size))


def through_margins(indices: Indices, before: int, after: int) -> Indices:
    """The positions of PAD's output."""
    return (NOWHERE,) * before + indices + (NOWHERE,) * after


def through_nearest(indices: Indices, op: QuantizedOp, size: int) -> Indices:
    """The positions of RESIZE_NEAREST_NEIGHBOR's output of `size` pixels."""
    return tuple(indices[position] for position in nearest_indices(len(indices), size, op).tolist())


def windows(op: QuantizedOp, axis: int, size: int, count: int) -> tuple[Indices, ...]:
    """Per output pixel, the positions under the window; NOWHERE in the operator's own margins."""
    before = window_start(op, axis, size)
    return tuple(
        tuple(position if 0 <= position < size else NOWHERE for position in range(start, start + op.window[axis]))
        for start in range(-before, -before + count * op.strides[axis], op.strides[axis])
    )


def window_start(op: QuantizedOp, axis: int, size: int) -> int:
    """Pixels of margin before the first position."""
    return margins(size, op.window[axis], op.strides[axis], op.padding)[0]


def neighbours(op: QuantizedOp, size: int, result: int) -> tuple[tuple[int, int, int], ...]:
    """Per output pixel of RESIZE_BILINEAR: lower position, upper position, the upper one's weight in 1/1024."""
    lower, upper, weight = (column.tolist() for column in bilinear_neighbours(size, result, op))
    return tuple(zip(lower, upper, weight, strict=True))


def affine_form(indices: Sequence[int]) -> tuple[int, int, int] | None:
    """`(times, plus, by)` with index i = (i * times + plus) // by for all i, or None where no small ones do.

    `plus` is never negative, so that C's division rounds downwards too.
    """
    values = np.asarray(indices, np.int64)
    positions = np.arange(len(values), dtype=np.int64)
    for by in range(1, LARGEST_FACTOR + 1):
        for times in range(1, LARGEST_FACTOR + 1):
            needed = values * by - positions * times
            if needed.max() - needed.min() < by:
                return times, int(needed.max()), by
    return None
