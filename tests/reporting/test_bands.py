from __future__ import annotations

import itertools

import pytest

from nano_u.config import ThresholdsConfig
from nano_u.reporting.bands import Band, band_of, correlation_zones, redundancy_bands

DEFAULTS = ThresholdsConfig()


def test_the_default_redundancy_bands() -> None:
    assert redundancy_bands(DEFAULTS) == (
        Band("excellent", 0.0, 0.3, 0),
        Band("good", 0.3, 0.5, 1),
        Band("moderate", 0.5, 0.7, 2),
        Band("high", 0.7, 1.0, 3),
    )


def test_the_default_correlation_zones() -> None:
    assert correlation_zones(DEFAULTS) == (
        Band("diverse", 0.0, 0.3, 0),
        Band("moderate", 0.3, 0.6, 2),
        Band("high", 0.6, 1.0, 3),
    )


def test_other_thresholds_move_the_edges() -> None:
    thresholds = ThresholdsConfig(
        low_redundancy=0.1,
        moderate_redundancy=0.2,
        high_redundancy=0.9,
        low_correlation=0.15,
        high_correlation=0.2,
        very_high_correlation=0.25,
    )

    assert [(band.low, band.high) for band in redundancy_bands(thresholds)] == [
        (0, 0.1),
        (0.1, 0.2),
        (0.2, 0.9),
        (0.9, 1),
    ]
    assert [(zone.low, zone.high) for zone in correlation_zones(thresholds)] == [(0, 0.15), (0.15, 0.25), (0.25, 1)]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ((0.5, 0.5, 0.7), ["excellent", "moderate", "high"]),
        ((0.0, 0.5, 1.0), ["good", "moderate"]),
        ((1.0, 1.0, 1.0), ["excellent"]),
        ((0.0, 0.0, 0.0), ["high"]),
    ],
)
def test_empty_bands_are_left_out_and_the_others_cover_everything(
    lines: tuple[float, float, float], names: list[str]
) -> None:
    low, moderate, high = lines

    bands = redundancy_bands(ThresholdsConfig(low_redundancy=low, moderate_redundancy=moderate, high_redundancy=high))

    assert [band.name for band in bands] == names
    assert bands[0].low == 0
    assert bands[-1].high == 1
    assert all(one.high == other.low for one, other in itertools.pairwise(bands))


@pytest.mark.parametrize(
    ("value", "redundancy", "correlation"),
    [
        (0.0, "excellent", "diverse"),
        (0.3, "excellent", "diverse"),
        (0.3001, "good", "moderate"),
        (0.5, "good", "moderate"),
        (0.6, "moderate", "moderate"),
        (0.6001, "moderate", "high"),
        (0.7, "moderate", "high"),
        (0.7001, "high", "high"),
        (1.0, "high", "high"),
    ],
)
def test_a_value_on_a_line_belongs_to_the_lower_band(value: float, redundancy: str, correlation: str) -> None:
    assert band_of(value, redundancy_bands(DEFAULTS)).name == redundancy
    assert band_of(value, correlation_zones(DEFAULTS)).name == correlation
