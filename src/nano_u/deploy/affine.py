"""Affine int8 quantisation as TensorFlow Lite does it: real = scale * (q - zero_point)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.quantization import INT8_MAX, INT8_MIN


@dataclass(frozen=True)
class AffineQuantization:
    """Scale and zero point of one int8 tensor."""

    scale: float
    zero_point: int

    def quantise(self, real: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
        """int8 of `real`: divided by the scale in float32, rounded half away from zero, saturated.

        This is the arithmetic of the QUANTIZE kernel. A camera's byte k, given as k/255, becomes exactly k - 128.
        """
        steps = np.asarray(real, np.float32) / np.float32(self.scale)
        rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps))
        quantised: npt.NDArray[np.int8] = np.clip(rounded + self.zero_point, INT8_MIN, INT8_MAX).astype(np.int8)
        return quantised

    def dequantise(self, quantised: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """float32 of int8 values."""
        steps = np.asarray(quantised, np.int32) - self.zero_point
        return steps.astype(np.float32) * np.float32(self.scale)


INPUT_QUANTIZATION = AffineQuantization(scale=1 / 255, zero_point=-128)
"""Input of every exported model: firmware subtracts 128 from each camera byte and multiplies nothing."""
