"""Exact area averages: each output pixel is the mean of what it covers, fractions of input pixels included.

Pillow's BOX filter counts pixels whole or not at all when the factor is no integer, so it is not used for this.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt


def area_average(values: npt.NDArray[np.generic], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Bring `(height, width)` or `(height, width, channels)` to `size` (height, width); also enlarges."""
    rows = _average_rows(values, size[0])
    return _average_rows(rows.swapaxes(0, 1), size[1]).swapaxes(0, 1)


def _average_rows(values: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    averages = np.empty((count, flat.shape[1]), np.float64)
    for row, (start, weights) in enumerate(_bands(len(values), count)):
        np.matmul(weights, flat[start : start + len(weights)].astype(np.float64), out=averages[row])
    return averages.reshape(count, *values.shape[1:])


@lru_cache(maxsize=64)
def _bands(source: int, target: int) -> tuple[tuple[int, npt.NDArray[np.float64]], ...]:
    """For each output row the first input row it covers and the shares, adding up to 1, of that and the next ones."""
    bands = []
    for row in range(target):
        first, last = row * source // target, -(-(row + 1) * source // target)
        inputs = np.arange(first, last)
        # In units of 1/target of an input row all edges are integers, so halves stay exact.
        top = np.maximum(inputs * target, row * source)
        bottom = np.minimum((inputs + 1) * target, (row + 1) * source)
        bands.append((first, (bottom - top) / source))
    return tuple(bands)
