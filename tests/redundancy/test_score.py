from __future__ import annotations

import math

import numpy as np
import pytest

from nano_u.redundancy import GroupMoments, group_of_image, measure_layer, population_redundancy_score
from nano_u.redundancy.score import corrected_entropy, corrected_score


def mixing(kind: str, channels: int) -> np.ndarray:
    if kind == "half copies":
        return np.vstack([np.eye(channels // 2)] * 2)
    if kind == "equal correlation":
        return np.sqrt(0.5) * np.hstack([np.eye(channels), np.ones((channels, 1))])
    if kind == "geometric eigenvalues":
        directions, _ = np.linalg.qr(np.random.default_rng(9).standard_normal((channels, channels)))
        return directions * np.exp(-np.arange(channels) * 2.3 / channels)
    return np.eye(channels)


def scores(kind: str, channels: int, samples: int, draws: int, copies: int = 1) -> np.ndarray:
    """Redundancy scores of independent draws of `samples` images, each of `copies` equal pixels."""
    matrix = mixing(kind, channels)
    result = []
    for seed in range(draws):
        values = np.random.default_rng(seed).standard_normal((samples, 1, matrix.shape[1])) @ matrix.T
        moments = GroupMoments.from_samples(
            np.repeat(values, copies, axis=1), group_of_image(np.arange(samples), samples)
        )
        record = measure_layer(moments, layer="layer", mode="inference", linear_input=True)
        result.append(record.redundancy_score)
    return np.array(result)


@pytest.mark.parametrize("copies", [1, 9])
@pytest.mark.parametrize(("channels", "per_channel"), [(8, 1), (8, 2), (16, 1), (16, 4), (64, 1), (64, 2)])
def test_white_noise_scores_below_3_percent(channels: int, per_channel: int, copies: int) -> None:
    assert scores("white", channels, per_channel * channels, 20, copies).mean() < 0.03


@pytest.mark.parametrize("copies", [1, 9])
@pytest.mark.parametrize("channels", [8, 16, 64])
@pytest.mark.parametrize("kind", ["half copies", "equal correlation", "geometric eigenvalues"])
def test_correlated_channels_score_within_5_percent_of_the_population(kind: str, channels: int, copies: int) -> None:
    matrix = mixing(kind, channels)
    expected = population_redundancy_score(matrix @ matrix.T)

    found = scores(kind, channels, 4 * channels, 40, copies)

    assert found.mean() == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_equal_eigenvalues_gain_half_their_number_per_sample(rank: int) -> None:
    samples = 401

    corrected = corrected_entropy(math.log(rank) - rank / (2 * (samples - 1)), samples, 64)

    assert corrected == pytest.approx(math.log(rank), abs=1e-12)


@pytest.mark.parametrize(("entropy", "samples"), [(0.3, 1e3), (2.0, 30.0), (2.7, 40.0)])
def test_the_corrected_entropy_solves_its_equation(entropy: float, samples: float) -> None:
    corrected = corrected_entropy(entropy, samples, 64)

    assert corrected == pytest.approx(entropy + math.exp(corrected) / (2 * (samples - 1)), abs=1e-10)


@pytest.mark.parametrize(("entropy", "samples"), [(2.0, 1.0), (2.0, 2.0), (2.07, 20.0), (math.log(8), 1e9)])
def test_the_entropy_is_at_most_that_of_independent_channels(entropy: float, samples: float) -> None:
    assert corrected_entropy(entropy, samples, 8) == math.log(8)


def test_the_interval_is_that_of_student_around_the_score() -> None:
    score = corrected_score(math.log(4), 0.01**2, effective_samples=math.inf, live=8, channels=8, groups=20)

    assert score.value == pytest.approx(1 - 3 / 7)
    assert score.high is not None
    assert score.high - score.value == pytest.approx(2.0930 * 0.01 * 4 / 7)
    assert score.low == pytest.approx(2 * score.value - score.high)


def test_interval_and_score_stay_within_0_and_1() -> None:
    score = corrected_score(0.0, 4.0, effective_samples=100, live=1, channels=5, groups=3)

    assert (score.value, score.low, score.high) == (1.0, 0.0, 1.0)


def test_the_interval_holds_the_population_value_in_about_19_of_20_draws() -> None:
    matrix = mixing("equal correlation", 8)
    expected = population_redundancy_score(matrix @ matrix.T)
    assert expected is not None
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        values = random.standard_normal((60, 1, 9)) + random.standard_normal((60, 6, 9))
        moments = GroupMoments.from_samples(values @ matrix.T, group_of_image(np.arange(60), 60))
        record = measure_layer(moments, layer="layer", mode="inference", linear_input=True)
        assert record.score_low is not None
        assert record.score_high is not None
        held += record.score_low <= expected <= record.score_high

    assert held >= 88
