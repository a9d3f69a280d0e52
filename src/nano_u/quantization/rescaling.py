"""The real factors between an operator's scales, in the precision in which the kernels compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.quantization.record import QuantizedOp, QuantizedTensor

ADDITION_LEFT_SHIFT = 20
"""Bits by which ADD raises its int8 inputs, so that rounding them to a common scale loses nothing that matters."""


@dataclass(frozen=True)
class AdditionFactors:
    """What ADD multiplies its two raised inputs and their sum by; all lie between 0 and 1."""

    inputs: tuple[float, float]
    output: float


def output_factors(op: QuantizedOp, source: QuantizedTensor, target: QuantizedTensor) -> npt.NDArray[np.float64]:
    """Factor(s) from accumulated integers to the output's steps: one per filter, or one for RELU and QUANTIZE."""
    if op.weights is not None:
        return source.scale * op.weights.scales.astype(np.float64) / target.scale
    if op.kind == "RELU":
        # LiteRT divides two float32; TensorFlow Lite Micro divides in float64, 3e-8 away.
        return np.float64(np.float32(source.scale) / np.float32(target.scale)).reshape(1)
    return np.float64(source.scale / target.scale).reshape(1)


def addition_factors(sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> AdditionFactors:
    """The three factors of ADD: both inputs are brought to twice the larger scale."""
    first, second = (source.scale for source in sources)
    common = 2 * max(first, second)
    return AdditionFactors((first / common, second / common), common / (2**ADDITION_LEFT_SHIFT * target.scale))
