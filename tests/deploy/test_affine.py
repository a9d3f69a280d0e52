from __future__ import annotations

import numpy as np
import pytest

from nano_u.deploy import INPUT_QUANTIZATION, AffineQuantization


def test_every_camera_byte_becomes_itself_minus_128() -> None:
    camera = np.arange(256)

    quantised = INPUT_QUANTIZATION.quantise((camera / 255).astype(np.float32))

    assert np.array_equal(quantised, camera - 128)


def test_every_int8_value_survives_dequantising_and_quantising() -> None:
    quantization = AffineQuantization(scale=0.0541728, zero_point=52)
    values = np.arange(-128, 128).astype(np.int8)

    assert np.array_equal(quantization.quantise(quantization.dequantise(values)), values)


@pytest.mark.parametrize(("real", "expected"), [(0.5, 1), (-0.5, -1), (1.5, 2), (0.49, 0), (1e9, 127), (-1e9, -128)])
def test_halves_are_rounded_away_from_zero_and_extremes_saturate(real: float, expected: int) -> None:
    assert AffineQuantization(scale=1.0, zero_point=0).quantise(np.array(real)) == expected


def test_dequantising_is_linear_around_the_zero_point() -> None:
    quantization = AffineQuantization(scale=0.25, zero_point=-3)

    assert quantization.dequantise(np.array([-3, -2, 1], np.int8)).tolist() == [0.0, 0.25, 1.0]
