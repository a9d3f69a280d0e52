from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nano_u.quantization import QuantizedMultiplier, multiply_by_quantized_multiplier, quantize_multiplier

INT32 = st.integers(-(2**31), 2**31 - 1) | st.integers(-300_000, 300_000)
MANTISSAS = st.integers(2**30, 2**31 - 1) | st.sampled_from([0, 2**30, 3 * 2**29, 2**31 - 1])
SHIFTS = st.integers(-31, 30)


def wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def doubling_high_product(value: int, mantissa: int) -> int:
    """gemmlowp's SaturatingRoundingDoublingHighMul, as its C++ reads."""
    product = value * mantissa
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return int(Fraction(nudged, 2**31))  # towards zero, as C divides


def half_away_from_zero(exact: Fraction) -> int:
    rounded = math.floor(abs(exact) + Fraction(1, 2))
    return rounded if exact >= 0 else -rounded


def multiplied(value: int, mantissa: int, shift: int) -> int:
    high = doubling_high_product(wrapped(value << max(shift, 0)), mantissa)
    return half_away_from_zero(Fraction(high, 2 ** max(-shift, 0)))


def fixed_point(mantissa: int, shift: int) -> QuantizedMultiplier:
    return QuantizedMultiplier(np.asarray(mantissa, np.int64), np.asarray(shift, np.int64))


@given(INT32, MANTISSAS, SHIFTS)
@example(2**31 - 1, 2**31 - 1, 0)
@example(-(2**31), 2**31 - 1, 0)
@example(-(2**31), 2**30, -31)
@example(2**31 - 1, 2**30, 30)
@example(-1, 2**30, 0)
@example(-3, 2**30, -1)
def test_products_are_those_of_exact_integers(value: int, mantissa: int, shift: int) -> None:
    product = multiply_by_quantized_multiplier(np.asarray([value]), fixed_point(mantissa, shift))

    assert product.tolist() == [multiplied(value, mantissa, shift)]


@given(st.lists(INT32, min_size=3, max_size=3), st.lists(st.tuples(MANTISSAS, SHIFTS), min_size=3, max_size=3))
def test_every_channel_has_its_own_factor(values: list[int], factors: list[tuple[int, int]]) -> None:
    mantissas, shifts = (np.asarray(column, np.int64) for column in zip(*factors, strict=True))

    products = multiply_by_quantized_multiplier(np.asarray([values, values]), QuantizedMultiplier(mantissas, shifts))

    expected = [multiplied(value, *factor) for value, factor in zip(values, factors, strict=True)]
    assert products.tolist() == [expected, expected]


@pytest.mark.parametrize(
    ("value", "real", "product"),
    [
        (5, 0.5, 3),  # 2.5 goes up
        (-5, 0.5, -2),  # the first rounding goes up too
        (6, 0.25, 2),  # 3, then 1.5 away from zero
        (-6, 0.25, -2),
        (5, 0.25, 2),  # one rounding would give 1: 1.25 becomes 2.5, rounded to 3, halved and rounded to 2
        (1, 1.0, 1),
        (7, 4.0, 28),
        (0, 0.3, 0),
    ],
)
def test_rounding_happens_twice(value: int, real: float, product: int) -> None:
    assert multiply_by_quantized_multiplier(np.asarray([value]), quantize_multiplier(real)).tolist() == [product]


def test_values_are_left_alone() -> None:
    values = np.asarray([1000, -1000], np.int64)

    multiply_by_quantized_multiplier(values, quantize_multiplier([8.0, 0.1]))

    assert values.tolist() == [1000, -1000]


@given(st.floats(2.0**-31, 2.0**30, exclude_max=True))
def test_the_fixed_point_form_is_the_nearest_with_31_bits(real: float) -> None:
    form = quantize_multiplier(real)
    mantissa, shift = int(form.mantissa), int(form.shift)

    assert 2**30 <= mantissa < 2**31
    step = Fraction(2) ** (shift - 31)
    assert abs(mantissa * step - Fraction(real)) <= step / 2


@pytest.mark.parametrize(
    ("real", "mantissa", "shift"),
    [
        (0.0, 0, 0),
        (1.0, 2**30, 1),
        (0.75, 3 * 2**29, 0),
        (1 - 2.0**-53, 2**30, 1),  # the mantissa rounds up to 2^31 and is halved
        (1 - 2.0**-32, 2**30, 1),  # a tie goes up
        (1 - 2.0**-31, 2**31 - 1, 0),
        (2.0**-32, 2**30, -31),
        (0.9 * 2.0**-32, 0, 0),  # shifted out
        (2.0**-32 * (1 - 2.0**-53), 2**30, -31),  # carried back in by rounding
        (2.0**29, 2**30, 30),
    ],
)
def test_edges_of_the_fixed_point_form(real: float, mantissa: int, shift: int) -> None:
    form = quantize_multiplier(real)

    assert (int(form.mantissa), int(form.shift)) == (mantissa, shift)
