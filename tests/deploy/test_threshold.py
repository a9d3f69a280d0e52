from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.deploy import AffineQuantization, int8_threshold
from nano_u.errors import DeployError

ALL = np.arange(-128, 128)


@given(
    probability=st.floats(0.001, 0.999),
    scale=st.floats(1e-4, 1.0),
    zero_point=st.integers(-128, 127),
    probabilities=st.booleans(),
)
def test_comparing_int8_values_equals_comparing_real_ones(
    probability: float, scale: float, zero_point: int, probabilities: bool
) -> None:
    output = AffineQuantization(float(np.float32(scale)), zero_point)
    target = probability if probabilities else math.log(probability / (1 - probability))

    threshold = int8_threshold(probability, output, probabilities=probabilities)

    assert np.array_equal(threshold <= ALL, output.dequantise(ALL) >= np.float32(target))


@pytest.mark.parametrize("zero_point", [-128, -7, 0, 127])
def test_a_half_is_the_zero_point_of_logits(zero_point: int) -> None:
    assert int8_threshold(0.5, AffineQuantization(0.1, zero_point)) == zero_point


@pytest.mark.parametrize("scale", [1 / 256, 0.003, 0.0037, 0.0011])
def test_a_threshold_equal_to_an_output_value_passes_that_value(scale: float) -> None:
    output = AffineQuantization(float(np.float32(scale)), -128)

    for value in range(-127, 127):
        probability = float(output.dequantise(np.array(value)))
        assert int8_threshold(probability, output, probabilities=True) == value


def test_a_half_of_a_probability_output_is_zero() -> None:
    assert int8_threshold(0.5, AffineQuantization(1 / 256, -128), probabilities=True) == 0


def test_a_threshold_out_of_the_outputs_range_passes_all_or_none() -> None:
    narrow = AffineQuantization(0.001, 0)

    assert int8_threshold(0.001, narrow) == -128
    assert int8_threshold(0.999, narrow) == 128


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(DeployError, match="strictly between 0 and 1"):
        int8_threshold(probability, AffineQuantization(0.1, 0))
