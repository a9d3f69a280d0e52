from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.area import area_average


def slow_reference(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Repeat every pixel until both grids fit, then average whole blocks."""
    height, width = values.shape[:2]
    fine = values.repeat(size[0], axis=0).repeat(size[1], axis=1).astype(np.float64)
    return fine.reshape(size[0], height, size[1], width, *values.shape[2:]).mean(axis=(1, 3))


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(0, 9),
)
def test_every_output_pixel_is_the_mean_of_what_it_covers(
    source: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (*source, 3), np.uint8)

    np.testing.assert_allclose(area_average(values, target), slow_reference(values, target), atol=1e-9)


def test_the_mean_of_the_whole_stays() -> None:
    values = np.random.default_rng(0).random((120, 160))

    assert area_average(values, (48, 64)).mean() == pytest.approx(values.mean(), abs=1e-12)


def test_fractions_of_pixels_count() -> None:
    assert area_average(np.array([[0.0, 0.0, 1.0, 1.0, 1.0]]), (1, 2)).tolist() == [[pytest.approx(0.2), 1.0]]
