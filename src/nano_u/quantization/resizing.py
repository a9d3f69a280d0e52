"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR in the arithmetic of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nano_u.quantization.kernel import Int8Images
from nano_u.quantization.record import QuantizedOp, QuantizedTensor

ONE = 1 << 10
"""A pixel's distance in the fixed-point coordinates of RESIZE_BILINEAR."""


def resize_nearest(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """RESIZE_NEAREST_NEIGHBOR: every output pixel copies one input pixel."""
    height, width, _ = sources[0].shape
    rows = nearest_indices(height, target.shape[0], op)
    columns = nearest_indices(width, target.shape[1], op)
    return values[0][:, rows][:, :, columns]


def resize_bilinear(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """RESIZE_BILINEAR: a mean of four pixels with weights in 1/1024, rounded half away from stored zero."""
    height, width, _ = sources[0].shape
    rows = bilinear_neighbours(height, target.shape[0], op)
    columns = bilinear_neighbours(width, target.shape[1], op)
    pixels = values[0].astype(np.int64)
    weights = rows.weight[:, np.newaxis, np.newaxis]
    mixed = pixels[:, rows.lower] * (ONE - weights) + pixels[:, rows.upper] * weights
    weights = columns.weight[:, np.newaxis]
    mixed = mixed[:, :, columns.lower] * (ONE - weights) + mixed[:, :, columns.upper] * weights
    result: Int8Images = (np.sign(mixed) * ((np.abs(mixed) + ONE**2 // 2) // ONE**2)).astype(np.int8)
    return result


def nearest_indices(size: int, result: int, op: QuantizedOp) -> npt.NDArray[np.intp]:
    """Index of the input pixel that each output pixel copies, along one axis; float32, as the kernels have it."""
    positions = np.arange(result, dtype=np.float32) + np.float32(0.5 if op.half_pixel_centers else 0)
    if op.align_corners and result > 1:
        positions = positions * (np.float32(size - 1) / np.float32(result - 1))
    else:
        positions = positions * (np.float32(size) / np.float32(result))
    indices = np.floor(positions.astype(np.float64) + (0.5 if op.align_corners else 0)).astype(np.intp)
    return np.minimum(indices, size - 1)


class Neighbours(NamedTuple):
    """Along one axis and per output pixel: two input pixels and the weight of the upper one in 1/1024."""

    lower: npt.NDArray[np.int64]
    upper: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]


def bilinear_neighbours(size: int, result: int, op: QuantizedOp) -> Neighbours:
    """Which input pixels each output pixel mixes along one axis, in the kernels' fixed point."""
    if op.align_corners and result > 1:
        step = (ONE * (size - 1) + (result - 1) // 2) // (result - 1)
    else:
        step = (ONE * size + result // 2) // result
    positions = np.arange(result, dtype=np.int64) * step
    if op.half_pixel_centers:
        positions += step // 2 - ONE // 2
    lower = np.maximum(positions // ONE, 0)
    upper = np.minimum((positions + ONE - 1) // ONE, size - 1)
    return Neighbours(lower, np.maximum(upper, 0), positions - ONE * lower)
