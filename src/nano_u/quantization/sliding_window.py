"""Where a sliding window stands: sizes, margins and the pixels under each of its positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from nano_u.quantization.record import QuantizedOp

Scalar = TypeVar("Scalar", bound=np.generic)


def window_count(size: int, window: int, stride: int, padding: Literal["same", "valid"]) -> int:
    """Number of positions along one axis; 0 where the window does not fit."""
    if padding == "same":
        return -(-size // stride)
    return max(0, (size - window) // stride + 1)


def margins(size: int, window: int, stride: int, padding: Literal["same", "valid"]) -> tuple[int, int]:
    """Pixels that padding adds before and after one axis; an odd one goes after."""
    if padding == "valid":
        return 0, 0
    total = max(0, (window_count(size, window, stride, padding) - 1) * stride + window - size)
    return total // 2, total - total // 2


def padded(images: npt.NDArray[Scalar], op: QuantizedOp, value: int) -> npt.NDArray[Scalar]:
    """Images `(n, height, width, channels)` with the operator's margins filled with `value`."""
    sides = [margins(images.shape[axis + 1], op.window[axis], op.strides[axis], op.padding) for axis in range(2)]
    if not any(before or after for before, after in sides):
        return images
    return np.pad(images, [(0, 0), *sides, (0, 0)], constant_values=value)


def taps(
    images: npt.NDArray[Scalar], op: QuantizedOp, height: int, width: int
) -> Iterator[tuple[int, int, npt.NDArray[Scalar]]]:
    """For each element (row, column) of the window, the pixels of the padded images under it, one per position."""
    down, right = op.strides
    for row in range(op.window[0]):
        for column in range(op.window[1]):
            rows = slice(row, row + (height - 1) * down + 1, down)
            columns = slice(column, column + (width - 1) * right + 1, right)
            yield row, column, images[:, rows, columns]
