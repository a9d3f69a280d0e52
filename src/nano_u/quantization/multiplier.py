"""Multiplication of integers by a real factor without floating point, exactly as TensorFlow Lite's kernels do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MANTISSA_BITS = 31

LARGEST_SHIFT = 30
"""Largest power of two that a 32-bit product can be shifted by; factors of 2^30 and more cannot be expressed."""


@dataclass(frozen=True, eq=False)
class QuantizedMultiplier:
    """Factors mantissa * 2^(shift - 31), one or one per channel; mantissas are 2^30 to 2^31 - 1, or 0."""

    mantissa: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]


def quantize_multiplier(real: npt.ArrayLike) -> QuantizedMultiplier:
    """The fixed-point form of non-negative float64 factors; those of less than 2^-32 become 0."""
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    mantissa = np.floor(fraction * 2.0**MANTISSA_BITS + 0.5).astype(np.int64)
    shift = exponent.astype(np.int64)

    rounded_up = mantissa == 1 << MANTISSA_BITS
    mantissa = np.where(rounded_up, mantissa >> 1, mantissa)
    shift = np.where(rounded_up, shift + 1, shift)

    vanishes = shift < -31
    return QuantizedMultiplier(np.where(vanishes, 0, mantissa), np.where(vanishes, 0, shift))


def multiply_by_quantized_multiplier(
    values: npt.NDArray[np.integer[Any]], multiplier: QuantizedMultiplier
) -> npt.NDArray[np.int64]:
    """int32 `values` times the factors, which broadcast along the last axis; rounded twice, as the kernels round.

    First the upper half of the doubled product is rounded with ties upwards, then the right shift rounds with ties
    away from zero. A left shift that overflows 32 bits wraps around.
    """
    left = np.maximum(multiplier.shift, 0)
    right = np.maximum(-multiplier.shift, 0)
    product = values.astype(np.int64)
    if left.any():
        product = (product << left).astype(np.int32).astype(np.int64)

    # gemmlowp divides towards zero after adding 2^30, or 1 - 2^30 below zero: both are this floor. Its saturation
    # concerns a mantissa of -2^31, which does not occur.
    product *= multiplier.mantissa
    product += 1 << (MANTISSA_BITS - 1)
    product >>= MANTISSA_BITS

    if right.any():
        product += np.where(right > 0, product >> 63, 0)
        product += (1 << right) >> 1
        product >>= right
    return product
