"""ADD, RELU, RELU6, QUANTIZE and LOGISTIC in integers: each output value depends on one value per input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nano_u.quantization.activation_range import INT8_MAX, INT8_MIN, activation_range
from nano_u.quantization.kernel import Int8Images, int8_output
from nano_u.quantization.multiplier import multiply_by_quantized_multiplier, quantize_multiplier
from nano_u.quantization.record import QuantizedOp, QuantizedTensor
from nano_u.quantization.rescaling import ADDITION_LEFT_SHIFT, addition_factors, output_factors


def add(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """ADD: both inputs at one finer scale, summed, brought to the output's scale."""
    factors = addition_factors(sources, target)
    total = np.zeros(values[0].shape, np.int64)
    for value, source, factor in zip(values, sources, factors.inputs, strict=True):
        raised = (value.astype(np.int64) - source.zero_point) << ADDITION_LEFT_SHIFT
        total += multiply_by_quantized_multiplier(raised, quantize_multiplier(factor))
    steps = multiply_by_quantized_multiplier(total, quantize_multiplier(factors.output))
    return int8_output(steps, target, *activation_range(op.activation, target))


def rescale(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """QUANTIZE and RELU: the same values in the output's scale, and for RELU none below its zero point."""
    offsets = values[0].astype(np.int64) - sources[0].zero_point
    factor = quantize_multiplier(output_factors(op, sources[0], target))
    steps = multiply_by_quantized_multiplier(offsets, factor)
    return int8_output(steps, target, target.zero_point if op.kind == "RELU" else INT8_MIN, INT8_MAX)


def relu6(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """RELU6 between tensors of one scale: clipped to real 0 and 6."""
    return np.clip(values[0], *activation_range("relu6", target))


def logistic(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    """LOGISTIC: a table of the sigmoid of every int8 value, computed in float32 as LiteRT does.

    TensorFlow Lite Micro approximates in fixed point and differs in single values, by one step, at rare scales.
    """
    source = sources[0]
    steps = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int32)
    reals = np.float32(source.scale) * (steps - source.zero_point).astype(np.float32)
    with np.errstate(over="ignore"):
        probs = np.float32(1) / (np.float32(1) + np.exp(-reals))
    rounded = np.floor((probs * np.float32(1 / target.scale)).astype(np.float64) + 0.5)
    table: npt.NDArray[np.int8] = np.clip(rounded + target.zero_point, INT8_MIN, INT8_MAX).astype(np.int8)
    result: Int8Images = table[values[0].astype(np.int32) - INT8_MIN]
    return result
