from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy.correlation import HISTOGRAM_BINS, correlation_matrix, summarise_correlation


def test_correlation_is_that_of_numpy_at_any_scale() -> None:
    samples = np.random.default_rng(0).standard_normal((200, 6)) @ np.random.default_rng(1).standard_normal((6, 6))
    scales = np.array([1e-20, 1e-3, 1, 1, 1e3, 1e30])

    actual = correlation_matrix(np.cov(samples, rowvar=False) * np.outer(scales, scales))

    assert actual == pytest.approx(np.corrcoef(samples, rowvar=False), abs=1e-12)
    assert np.array_equal(np.diagonal(actual), np.ones(6))


def test_rounding_does_not_leave_the_range() -> None:
    assert np.abs(correlation_matrix(np.full((3, 3), 0.1) * (1 + 1e-15 * np.tri(3)))).max() == 1


def test_summary_equals_numpy_over_the_upper_triangle() -> None:
    correlation = np.corrcoef(np.random.default_rng(2).standard_normal((9, 30)))
    strength = np.abs(correlation[np.triu_indices(9, k=1)])

    summary = summarise_correlation(correlation)

    assert summary is not None
    assert summary.mean == pytest.approx(strength.mean())
    assert summary.std == pytest.approx(strength.std())
    assert summary.max == strength.max()
    assert list(summary.histogram) == np.histogram(strength, bins=HISTOGRAM_BINS, range=(0, 1))[0].tolist()


def test_perfect_correlation_of_either_sign_falls_into_the_last_bin() -> None:
    summary = summarise_correlation(np.array([[1.0, -1.0], [-1.0, 1.0]]))

    assert summary is not None
    assert (summary.mean, summary.std, summary.max) == (1.0, 0.0, 1.0)
    assert summary.histogram == (*[0] * (HISTOGRAM_BINS - 1), 1)


def test_one_channel_has_no_pairs() -> None:
    assert summarise_correlation(np.eye(1)) is None
