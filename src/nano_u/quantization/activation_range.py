"""The int8 values that a fused activation leaves."""

from __future__ import annotations

import numpy as np

from nano_u.quantization.record import Activation, QuantizedTensor

INT8_MIN, INT8_MAX = -128, 127


def activation_range(activation: Activation, output: QuantizedTensor) -> tuple[int, int]:
    """Lowest and highest int8 value that `output` can take behind this activation."""
    if activation == "none":
        return INT8_MIN, INT8_MAX
    lowest = output.zero_point
    if activation == "relu":
        return lowest, INT8_MAX
    # Divided in float32 and rounded half away from zero, as the kernels prepare it.
    six = int(np.floor(np.float64(np.float32(6) / np.float32(output.scale)) + 0.5))
    return lowest, min(INT8_MAX, output.zero_point + six)
