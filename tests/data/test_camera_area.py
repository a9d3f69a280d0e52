from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.area import area_average
from nano_u.data.camera_area import AreaUnits, IntegerArea
from nano_u.errors import ConfigError


def exact_means(values: np.ndarray, size: tuple[int, int]) -> list[list[Fraction]]:
    """Means of whole blocks, once every pixel is repeated until both grids fit."""
    height, width = values.shape
    fine = values.astype(np.int64).repeat(size[0], axis=0).repeat(size[1], axis=1)
    sums = fine.reshape(size[0], height, size[1], width).sum(axis=(1, 3))
    return [[Fraction(int(value), height * width) for value in row] for row in sums]


@given(st.tuples(*[st.integers(1, 12)] * 4), st.integers(0, 9))
def test_every_value_is_the_exact_mean_rounded_half_up(sides: tuple[int, int, int, int], seed: int) -> None:
    height, width = max(sides[:2]), max(sides[2:])
    size = (min(sides[:2]), min(sides[2:]))
    values = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)

    averages = IntegerArea((height, width), size).average(values)

    expected = [[int(mean + Fraction(1, 2)) for mean in row] for row in exact_means(values, size)]
    assert averages.tolist() == expected


@pytest.mark.parametrize(
    ("source", "target"),
    [((120, 160), (48, 64)), ((240, 320), (60, 80)), ((97, 161), (48, 64)), ((120, 160), (60, 80))],
)
def test_training_sees_the_same_values_but_for_exact_halves(source: tuple[int, int], target: tuple[int, int]) -> None:
    values = np.random.default_rng(1).integers(0, 256, (*source, 3), np.uint8)

    means = area_average(values, target)
    difference = IntegerArea(source, target).average(values) - np.rint(means)

    assert set(np.unique(difference)) <= {-1, 0, 1}
    off_half = np.abs(means - np.floor(means) - 0.5)
    assert off_half[difference != 0].max(initial=0) < 1e-9
    assert np.mean(difference != 0) < 0.14


def test_weights_are_the_smallest_integers() -> None:
    assert AreaUnits.between(160, 64) == AreaUnits(given=2, needed=5)
    assert AreaUnits.between(320, 80) == AreaUnits(given=1, needed=4)
    assert IntegerArea((120, 160), (48, 64)).divisor == 25


def test_whole_ratios_are_means_of_blocks() -> None:
    values = np.array([[0, 1, 10, 20], [0, 0, 30, 255]], np.uint8)

    assert IntegerArea((2, 4), (1, 2)).average(values).tolist() == [[0, 79]]
    assert IntegerArea((1, 2), (1, 1)).average(np.array([[0, 1]], np.uint8)).tolist() == [[1]]


def test_the_same_size_changes_nothing() -> None:
    values = np.random.default_rng(2).integers(0, 256, (7, 5, 3), np.uint8)

    np.testing.assert_array_equal(IntegerArea((7, 5), (7, 5)).average(values), values)


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_a_constant_stays_constant(value: int) -> None:
    values = np.full((97, 161), value, np.uint8)

    assert set(np.unique(IntegerArea((97, 161), (48, 64)).average(values))) == {value}


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ((24, 64), (48, 64), "a picture of 64x24 cannot be enlarged to the network's 64x48 on the device"),
        ((48, 63), (48, 64), "a picture of 63x48 cannot be enlarged to the network's 64x48 on the device"),
        ((48, 64), (0, 64), "the network's input must have pixels, got 64x0"),
        ((4099, 4111), (48, 64), "4111x4099 to 64x48 overflows 32-bit sums"),
    ],
)
def test_what_the_device_cannot_do_is_refused(source: tuple[int, int], target: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        IntegerArea(source, target)


def test_the_largest_sums_just_fit() -> None:
    assert IntegerArea((4093, 4099), (2, 2)).divisor * 255 < 2**32
