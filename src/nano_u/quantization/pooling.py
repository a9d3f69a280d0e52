"""MAX_POOL_2D and AVERAGE_POOL_2D in integers: margins never count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nano_u.quantization.activation_range import INT8_MIN, activation_range
from nano_u.quantization.kernel import Int8Images
from nano_u.quantization.record import QuantizedOp, QuantizedTensor
from nano_u.quantization.sliding_window import padded, taps


def max_pool(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """MAX_POOL_2D: the largest value under the window."""
    height, width, _ = target.shape
    largest = np.full((len(values[0]), *target.shape), INT8_MIN, np.int8)
    for _, _, pixels in taps(padded(values[0], op, INT8_MIN), op, height, width):
        np.maximum(largest, pixels, out=largest)
    return np.clip(largest, *activation_range(op.activation, target))


def average_pool(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """AVERAGE_POOL_2D: the mean of the stored values, rounded half away from stored zero, not from real zero."""
    height, width, _ = target.shape
    sums = np.zeros((len(values[0]), *target.shape), np.int32)
    for _, _, pixels in taps(padded(values[0].astype(np.int32), op, 0), op, height, width):
        sums += pixels

    counts = np.zeros((1, height, width, 1), np.int32)
    for _, _, inside in taps(padded(np.ones((1, *values[0].shape[1:3], 1), np.int32), op, 0), op, height, width):
        counts += inside

    means: Int8Images = (np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)).astype(np.int8)
    return np.clip(means, *activation_range(op.activation, target))
