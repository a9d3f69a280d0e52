from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.redundancy import population_redundancy_score
from nano_u.redundancy.spectrum import FLOAT32_EPS, entropy_gradient, spectral_entropy, summarise_spectrum

CHANNELS = 16


def copies(count: int) -> np.ndarray:
    """Covariance of 16 channels of which the last `count` each copy a different one of the others."""
    sources = np.eye(CHANNELS - count)
    mixing = np.vstack([sources, sources[:count]])
    return mixing @ mixing.T


def one_dead() -> np.ndarray:
    covariance = np.eye(CHANNELS)
    covariance[3, 3] = 0
    return covariance


def loud_with_copy() -> np.ndarray:
    mixing = np.vstack([10 * np.eye(15)[:1], np.eye(15)])
    return mixing @ mixing.T


def random_covariance(seed: int, channels: int = 6) -> np.ndarray:
    mixing = np.random.default_rng(seed).standard_normal((channels, channels + 2))
    return mixing @ mixing.T


@pytest.mark.parametrize(
    ("covariance", "score"),
    [
        pytest.param(np.eye(CHANNELS), 0.0, id="independent"),
        pytest.param(copies(4), 0.312, id="four copies"),
        pytest.param(copies(8), 0.533, id="eight copies"),
        pytest.param(np.ones((CHANNELS, CHANNELS)), 1.0, id="rank one"),
        pytest.param(one_dead(), 0.067, id="one dead"),
        pytest.param(0.5 * np.eye(CHANNELS) + 0.5, 0.593, id="equal correlation"),
        pytest.param(loud_with_copy(), 0.089, id="ten times louder than its copy"),
        pytest.param(np.diag(np.logspace(-6, 6, CHANNELS)), 0.0, id="very different scale"),
        pytest.param(np.tile(np.eye(CHANNELS), (2, 2)), 0.516, id="duplicated"),
    ],
)
def test_exact_covariances_score_their_check_values(covariance: np.ndarray, score: float) -> None:
    assert population_redundancy_score(covariance) == pytest.approx(score, abs=1e-3)


@given(seed=st.integers(0, 1000))
def test_the_score_ignores_order_sign_and_scale_of_channels(seed: int) -> None:
    covariance = random_covariance(seed)
    random = np.random.default_rng(seed)
    order = random.permutation(6)
    change = random.choice([-1, 1], 6) * 10 ** random.uniform(-3, 3, 6)
    changed = (covariance * np.outer(change, change))[np.ix_(order, order)]

    assert population_redundancy_score(changed) == pytest.approx(population_redundancy_score(covariance), abs=1e-9)


@given(seed=st.integers(0, 1000))
def test_duplicating_every_channel_keeps_the_effective_rank(seed: int) -> None:
    covariance = random_covariance(seed)
    score = population_redundancy_score(covariance)
    assert score is not None
    effective_rank = 1 + (1 - score) * 5

    duplicated = population_redundancy_score(np.tile(covariance, (2, 2)))

    assert duplicated == pytest.approx(1 - (effective_rank - 1) / 11, abs=1e-9)


@pytest.mark.parametrize("factor", [1e-60, 1e60])
def test_the_score_does_not_leave_the_range_of_float64(factor: float) -> None:
    covariance = 0.5 * np.eye(4) + 0.5

    assert population_redundancy_score(covariance * factor) == pytest.approx(population_redundancy_score(covariance))


@pytest.mark.parametrize(
    ("covariance", "mean", "score"),
    [
        (np.ones((1, 1)), None, None),
        (np.zeros((3, 3)), None, None),
        (np.diag([0.0, 2.0, 0.0]), None, 1.0),
        (np.diag([1.0, 1e-13]), np.array([0.0, 1.0]), 1.0),
    ],
    ids=["one channel", "all dead", "one of three live", "constant but for rounding"],
)
def test_scores_at_the_edges(covariance: np.ndarray, mean: np.ndarray | None, score: float | None) -> None:
    assert population_redundancy_score(covariance, mean) == score


def test_64_samples_of_white_noise_in_64_channels_look_redundant_uncorrected() -> None:
    samples = np.random.default_rng(0).standard_normal((64, 64))

    assert population_redundancy_score(np.cov(samples, rowvar=False)) == pytest.approx(0.40, abs=0.02)


@pytest.mark.parametrize("scales", [np.ones(6), np.logspace(-3, 3, 6)], ids=["alike", "different scales"])
def test_the_gradient_is_that_of_finite_differences(scales: np.ndarray) -> None:
    covariance = random_covariance(5) * np.outer(scales, scales)
    std = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(std, std)
    gradient = entropy_gradient(*np.linalg.eigh(correlation), correlation)

    def entropy(standardised: np.ndarray) -> float:
        own = np.sqrt(np.diagonal(standardised))
        return spectral_entropy(np.linalg.eigvalsh(standardised / np.outer(own, own)))

    for row in range(6):
        for column in range(row + 1):
            step = np.zeros((6, 6))
            step[row, column] = step[column, row] = 1e-6
            numeric = (entropy(correlation + step) - entropy(correlation - step)) / 2e-6
            assert np.vdot(gradient, step) / 1e-6 == pytest.approx(numeric, abs=1e-7)


def test_copies_leave_the_gradient_finite() -> None:
    correlation = copies(8)

    assert np.isfinite(entropy_gradient(*np.linalg.eigh(correlation), correlation)).all()


@pytest.mark.parametrize("factor", [1e-60, 1.0, 1e60])
def test_spectrum_of_a_diagonal_covariance(factor: float) -> None:
    spectrum = summarise_spectrum(np.diag([8.0, 4.0, 2.0, 2.0]) * factor, 1e-6)

    assert spectrum.dominance == pytest.approx(0.5)
    assert spectrum.condition_number == pytest.approx(4.0)
    assert not spectrum.at_floor
    assert spectrum.rank == 4


def test_a_condition_number_beyond_rounding_is_reported_as_its_floor() -> None:
    tolerance = 3 * FLOAT32_EPS

    spectrum = summarise_spectrum(np.diag([1.0, 0.5, 0.9 * tolerance]), tolerance)

    assert spectrum.condition_number == pytest.approx(1 / tolerance)
    assert spectrum.at_floor
    assert spectrum.rank == 2
