"""The promises about covariance and redundancy scores, as a user meets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.redundancy import RunningCovariance, compute_layer_redundancy, validate_nas_computation

CHANNELS = 16


def copying(count: int, values: np.ndarray) -> np.ndarray:
    """16 channels of which the last `count` each copy a different one of the others."""
    return np.concatenate([values[..., : CHANNELS - count], values[..., :count]], axis=-1)


def with_dead_channel(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[..., 1:], np.full_like(values[..., :1], 4.0)], axis=-1)


def with_equal_correlation(values: np.ndarray) -> np.ndarray:
    common = np.random.default_rng(9).standard_normal((*values.shape[:-1], 1))
    return np.sqrt(0.5) * (values + common)


def with_loud_channel_and_copy(values: np.ndarray) -> np.ndarray:
    return np.concatenate([10 * values[..., :1], values[..., :15]], axis=-1)


CHECK_VALUES: dict[str, tuple[Any, float]] = {
    "independent": (lambda values: values, 0.0),
    "four copies": (lambda values: copying(4, values), 0.312),
    "eight copies": (lambda values: copying(8, values), 0.533),
    "rank one": (lambda values: values[..., :1] * np.linspace(-1, 2, CHANNELS), 1.0),
    "one dead": (with_dead_channel, 0.067),
    "equal correlation 0.5": (with_equal_correlation, 0.593),
    "a channel ten times louder than its copy": (with_loud_channel_and_copy, 0.089),
    "very different scales": (lambda values: values * np.logspace(-3, 3, CHANNELS), 0.0),
    "every channel duplicated": (lambda values: np.concatenate([values, values], axis=-1), 0.516),
}


@pytest.mark.parametrize(("make", "expected"), CHECK_VALUES.values(), ids=CHECK_VALUES)
def test_activations_score_their_check_values(make: Any, expected: float) -> None:
    activations = make(np.random.default_rng(0).standard_normal((200, 8, 8, CHANNELS)))

    result = compute_layer_redundancy(activations)

    assert result["redundancy_score"] == pytest.approx(expected, abs=0.01)


def test_a_stream_in_parts_equals_one_pass_over_everything() -> None:
    x = np.random.default_rng(1).standard_normal((60, 4, 4, 5)).astype(np.float32) + 1000
    once, left, right = RunningCovariance(5), RunningCovariance(5), RunningCovariance(5)
    once.update(x)
    for part in np.split(x[:40], 8):
        left.update(part)
    right.update(x[40:])

    left.merge(right)

    std = np.sqrt(np.diagonal(once.covariance()))
    assert left.count == 960
    assert (np.abs(left.covariance() - once.covariance()) <= 1e-9 * np.outer(std, std)).all()
    assert once.covariance() == pytest.approx(np.cov(x.reshape(-1, 5).astype(np.float64), rowvar=False, bias=True))


def test_a_stream_is_saved_restored_and_reset(tmp_path: Path) -> None:
    running = RunningCovariance(3)
    running.update(np.random.default_rng(2).standard_normal((50, 3)))
    running.save(tmp_path / "running.npz")

    restored = RunningCovariance.load(tmp_path / "running.npz")
    running.reset()

    assert restored.count == 50
    assert running.count == 0
    running.set_state(restored.get_state())
    assert np.array_equal(running.covariance(), restored.covariance())


def test_a_stream_of_copies_scores_one_and_of_independent_channels_zero() -> None:
    values = np.random.default_rng(3).standard_normal((5000, 4))
    independent, copies = RunningCovariance(4), RunningCovariance(4)
    independent.update(values)
    copies.update(np.repeat(values[:, :1], 4, axis=1))

    assert independent.redundancy_score() == pytest.approx(0, abs=2e-3)
    assert copies.redundancy_score() == pytest.approx(1, abs=2e-3)


def test_the_result_of_one_layer_holds_what_the_design_names() -> None:
    result = compute_layer_redundancy(np.random.default_rng(4).standard_normal((40, 6, 6, 3)), eps=1e-6)

    named = "redundancy_score removable correlation_mean correlation_std correlation_max trace dominance"
    counted = "condition_number rank num_channels dead_channels off_diagonal_norm decov samples effective_samples"
    assert {*named.split(), *counted.split(), "reliable", "score_low", "score_high"} <= set(result)
    assert (result["num_channels"], result["rank"], result["dead_channels"]) == (3, 3, 0)
    assert result["trace"] == pytest.approx(3, rel=0.1)


def test_pixels_of_few_images_are_not_taken_for_independent() -> None:
    images = np.random.default_rng(5).standard_normal((80, 1, 1, 8))

    result = compute_layer_redundancy(np.tile(images, (1, 16, 16, 1)))

    assert result["samples"] == 80 * 256
    assert result["effective_samples"] == pytest.approx(80, rel=0.2)
    assert abs(float(result["redundancy_score"])) < 0.03  # type: ignore[arg-type]


def test_one_channel_has_no_score_and_a_reason() -> None:
    result = compute_layer_redundancy(np.random.default_rng(6).standard_normal((9, 4, 4, 1)))

    assert result["redundancy_score"] is None
    assert result["reason"] == "one channel has no other to repeat"


def test_activations_that_are_not_finite_raise_nothing() -> None:
    x = np.ones((9, 4, 4, 2))
    x[0, 0, 0, 0] = np.nan

    assert compute_layer_redundancy(x)["status"] == "non_finite"


def test_the_computation_validates_itself() -> None:
    assert validate_nas_computation() is True
    assert validate_nas_computation(raise_on_failure=True) is True
