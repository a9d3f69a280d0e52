"""From the sums of a convolution to int8: parameters per filter, with all that is known beforehand folded in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.quantization import (
    INT8_MAX,
    INT8_MIN,
    QuantizedOp,
    QuantizedTensor,
    activation_range,
    output_factors,
    quantize_multiplier,
)

LARGEST_DOUBLED = 2**30
"""Sums below it can be doubled in 32 bits."""

INT8_MAGNITUDE = 128


@dataclass(frozen=True)
class Requantization:
    """Per filter: `bias` (the input's zero point folded in), `multiplier` and `shift`; per operator the output's range.

    `is_common` says that sums stay below 2^30, that all shifts go to the right, and that the output uses the whole
    range of int8. `shift` is then a right shift less its last bit; otherwise the power of two itself, negative to the
    right.
    """

    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    zero_point: int
    lowest: int
    highest: int
    is_common: bool


def requantization_of(op: QuantizedOp, source: QuantizedTensor, target: QuantizedTensor) -> Requantization:
    """Parameters of CONV_2D or DEPTHWISE_CONV_2D; sums wrap around 32 bits as the kernels' do."""
    weights = op.kernel
    axes = (1, 2, 3) if op.kind == "CONV_2D" else (0, 1, 2)
    kernel = weights.kernel.astype(np.int64)
    products = INT8_MAGNITUDE * np.abs(kernel).sum(axes)
    # Margins hold the zero point, so that the same is right at the borders.
    bias = weights.bias.astype(np.int64) - source.zero_point * kernel.sum(axes)
    factors = quantize_multiplier(np.broadcast_to(output_factors(op, source, target), bias.shape))
    vanishes = factors.mantissa == 0
    shift = np.where(vanishes, -1, factors.shift)
    lowest, highest = activation_range(op.activation, target)
    is_whole = (lowest, highest) == (INT8_MIN, INT8_MAX)
    is_common = is_whole and bool((np.abs(bias) + products).max() < LARGEST_DOUBLED and shift.max() < 0)
    return Requantization(
        bias.astype(np.int32),
        factors.mantissa.astype(np.int32),
        (-shift - 1 if is_common else shift).astype(np.int32),
        target.zero_point,
        lowest,
        highest,
        is_common,
    )
