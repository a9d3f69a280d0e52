from __future__ import annotations

import numpy as np
import pytest

from nano_u.errors import ConfigError
from nano_u.evaluation import ConfusionCounts, frame_counts, logit_threshold, to_logits, total_counts
from nano_u.evaluation.counts import threshold_logits


def slow_counts(predicted: np.ndarray, mask: np.ndarray) -> list[int]:
    counts = [0, 0, 0, 0]
    for guess, truth in zip(predicted.ravel(), mask.ravel(), strict=True):
        if truth == 255:
            continue
        counts[{(True, 1): 0, (True, 0): 1, (False, 1): 2, (False, 0): 3}[bool(guess), int(truth)]] += 1
    return counts


def test_counts_per_frame_equal_a_loop_over_pixels() -> None:
    random = np.random.default_rng(0)
    masks = random.choice(np.array([0, 1, 255], np.uint8), size=(5, 6, 7, 1))
    predicted = random.random(masks.shape) < 0.4

    counts = frame_counts(predicted, masks)

    assert counts.tolist() == [slow_counts(guess, mask) for guess, mask in zip(predicted, masks, strict=True)]


def test_one_prediction_for_all_frames_counts_as_if_repeated() -> None:
    random = np.random.default_rng(1)
    masks = random.integers(0, 2, size=(4, 5, 6, 1), dtype=np.uint8)
    prediction = random.random((1, 5, 6, 1)) < 0.5

    assert np.array_equal(frame_counts(prediction, masks), frame_counts(np.repeat(prediction, 4, axis=0), masks))


def test_ignored_pixels_are_in_no_count() -> None:
    masks = np.array([[[1, 255], [255, 0]]], np.uint8)[..., None]

    counts = total_counts(frame_counts(np.ones(masks.shape, bool), masks))

    assert counts == ConfusionCounts(1, 1, 0, 0)
    assert counts.pixels == 2


@pytest.mark.parametrize(
    ("probability", "logit"), [(0.0, -np.inf), (0.5, 0.0), (0.75, np.log(3)), (0.1, -np.log(9)), (1.0, np.inf)]
)
def test_the_logit_of_a_threshold_is_log_odds(probability: float, logit: float) -> None:
    assert logit_threshold(probability) == np.float32(logit)


def test_a_pixel_exactly_at_the_threshold_is_foreground() -> None:
    logits = np.array([-np.inf, -1.0, 0.0, 1.0, np.inf], np.float32)

    assert threshold_logits(logits, 0.5).tolist() == [False, False, True, True, True]
    assert threshold_logits(logits, 0.0).all()
    assert threshold_logits(logits, 1.0).tolist() == [False, False, False, False, True]


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ConfigError, match="threshold must be a probability"):
        logit_threshold(probability)


def test_logits_of_probabilities_give_the_probabilities_back() -> None:
    probabilities = np.array([0.0, 1e-6, 0.3, 0.5, 0.99, 1.0])

    logits = to_logits(probabilities)

    assert logits[[0, 3, 5]].tolist() == [-np.inf, 0.0, np.inf]
    assert 1 / (1 + np.exp(-logits[1:5].astype(float))) == pytest.approx(probabilities[1:5], rel=1e-5)
