"""CONV_2D and DEPTHWISE_CONV_2D in integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nano_u.quantization.activation_range import activation_range
from nano_u.quantization.kernel import Int8Images, int8_output
from nano_u.quantization.multiplier import multiply_by_quantized_multiplier, quantize_multiplier
from nano_u.quantization.record import QuantizedOp, QuantizedTensor
from nano_u.quantization.rescaling import output_factors
from nano_u.quantization.sliding_window import padded, taps


def convolution(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """CONV_2D: every filter reads all channels."""
    # Products of int8 sum up exactly in float64 (below 2^53), where the matrix product is a fast BLAS call.
    offsets = _offsets(op, values[0], sources[0]).astype(np.float64)
    kernel = op.kernel.kernel.astype(np.float64)
    height, width, filters = target.shape
    sums = np.zeros((len(offsets), height, width, filters))
    for row, column, pixels in taps(offsets, op, height, width):
        sums += pixels @ kernel[:, row, column].T
    return _requantized(op, sums.astype(np.int64), sources[0], target)


def depthwise_convolution(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """DEPTHWISE_CONV_2D: filter f reads channel f // (filters / channels) alone."""
    offsets = _offsets(op, values[0], sources[0])
    height, width, filters = target.shape
    if filters != offsets.shape[-1]:
        offsets = offsets.repeat(filters // offsets.shape[-1], axis=-1)
    kernel = op.kernel.kernel[0].astype(np.int32)
    sums = np.zeros((len(offsets), height, width, filters), np.int32)
    for row, column, pixels in taps(offsets, op, height, width):
        sums += pixels * kernel[row, column]
    return _requantized(op, sums, sources[0], target)


def _offsets(op: QuantizedOp, values: Int8Images, source: QuantizedTensor) -> npt.NDArray[np.int32]:
    """Inputs as distances from their zero point, which is what the margins hold."""
    return padded(values.astype(np.int32) - source.zero_point, op, 0)


def _requantized(
    op: QuantizedOp, sums: npt.NDArray[np.integer], source: QuantizedTensor, target: QuantizedTensor
) -> Int8Images:
    accumulators = (sums + op.kernel.bias.astype(np.int64)).astype(np.int32)  # wraps as a 32-bit accumulator does
    steps = multiply_by_quantized_multiplier(accumulators, quantize_multiplier(output_factors(op, source, target)))
    return int8_output(steps, target, *activation_range(op.activation, target))
