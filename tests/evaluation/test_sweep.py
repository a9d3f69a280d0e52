from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import (
    SegmentationMetrics,
    SweepPoint,
    ThresholdSweep,
    evaluate,
    precision_recall_curve,
    threshold_sweep,
    to_logits,
)

MakeImageSet = Callable[..., ImageSet]


def test_every_point_equals_an_evaluation_at_its_threshold(make_image_set: MakeImageSet) -> None:
    random = np.random.default_rng(0)
    image_set = make_image_set(random.choice([0, 1, 255], size=(3, 6, 5)))
    logits = random.normal(scale=3, size=(3, 6, 5, 1)).astype(np.float32)
    logits[0, 0, :, 0] = [-np.inf, np.inf, 0.0, 0.0, -0.0]

    sweep = threshold_sweep(logits, image_set.masks)

    assert [point.threshold for point in sweep.points] == pytest.approx(np.linspace(0, 1, 101))
    for point in sweep.points:
        direct = evaluate(logits, image_set, floor_probabilities=None, threshold=point.threshold, resamples=1)
        assert point.metrics == direct.pooled.metrics


def test_a_logit_exactly_on_a_threshold_reaches_it() -> None:
    levels = np.arange(101) / 100
    masks = np.ones((1, 101, 1, 1), np.uint8)

    sweep = threshold_sweep(to_logits(levels).reshape(1, 101, 1, 1), masks)

    recalls = [point.metrics.recall for point in sweep.points]
    assert recalls == pytest.approx([(101 - index) / 101 for index in range(101)])


def test_recall_never_rises_with_the_threshold() -> None:
    random = np.random.default_rng(1)
    sweep = threshold_sweep(random.normal(size=(500,)), random.integers(0, 2, 500).astype(np.uint8))

    recalls = [point.metrics.recall for point in sweep.points]

    assert recalls[0] == 1.0
    assert recalls[-1] == 0.0
    assert all(later <= earlier for earlier, later in itertools.pairwise(recalls))


def test_the_best_of_equal_thresholds_is_the_nearest_to_one_half() -> None:
    def point(threshold: float, iou: float | None) -> SweepPoint:
        return SweepPoint(threshold, SegmentationMetrics(iou, *[None] * 7))

    sweep = ThresholdSweep((point(0.1, 0.8), point(0.4, 0.8), point(0.7, 0.8), point(0.9, None)))

    assert sweep.best is not None
    assert sweep.best.threshold == 0.4
    assert ThresholdSweep((point(0.5, None),)).best is None


def test_average_precision_of_a_textbook_case() -> None:
    masks = np.array([0, 0, 1, 1], np.uint8)

    curve = precision_recall_curve(np.array([0.1, 0.4, 0.35, 0.8]), masks)

    assert curve.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert curve.recall == pytest.approx((0.5, 0.5, 1.0, 1.0))
    assert curve.precision == pytest.approx((1.0, 0.5, 2 / 3, 0.5))
    assert curve.foreground_share == 0.5


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([0, 1, 255])), min_size=1, max_size=40),
    st.floats(0.1, 5),
    st.floats(-3, 3),
)
def test_average_precision_equals_a_loop_and_only_the_ranking_matters(
    pixels: list[tuple[int, int]], scale: float, shift: float
) -> None:
    logits = np.array([logit for logit, _ in pixels], np.float32)
    masks = np.array([truth for _, truth in pixels], np.uint8)

    curve = precision_recall_curve(logits, masks)

    assert curve.average_precision == slow_average_precision(pixels)
    assert precision_recall_curve(logits * scale + shift, masks).average_precision == curve.average_precision


def slow_average_precision(pixels: list[tuple[int, int]]) -> object:
    positives = sum(truth == 1 for _, truth in pixels)
    if positives == 0:
        return None
    total = previous = 0.0
    for level in sorted({logit for logit, truth in pixels if truth != 255}, reverse=True):
        chosen = [truth for logit, truth in pixels if truth != 255 and logit >= level]
        recall = sum(chosen) / positives
        total += (recall - previous) * sum(chosen) / len(chosen)
        previous = recall
    return pytest.approx(total)


def test_a_random_ranking_has_the_average_precision_of_the_foreground_share() -> None:
    random = np.random.default_rng(2)
    masks = (random.random(20000) < 0.3).astype(np.uint8)

    curve = precision_recall_curve(random.normal(size=20000), masks)

    assert curve.average_precision == pytest.approx(curve.foreground_share, abs=0.02)


def test_a_long_curve_is_thinned_with_its_ends_kept_and_its_average_precision_exact() -> None:
    random = np.random.default_rng(3)
    masks = random.integers(0, 2, 5000).astype(np.uint8)
    logits = random.normal(size=5000) + masks

    thin, whole = (precision_recall_curve(logits, masks, max_points=points) for points in (50, 10**6))

    assert len(whole.recall) == 5000
    assert len(thin.recall) <= 50
    assert (thin.recall[0], thin.recall[-1]) == (whole.recall[0], whole.recall[-1])
    assert thin.average_precision == whole.average_precision
    assert np.max(np.diff(thin.recall)) < 0.03


def test_without_foreground_there_is_no_curve() -> None:
    curve = precision_recall_curve(np.zeros(4), np.array([0, 0, 255, 0], np.uint8))

    assert curve.average_precision is None
    assert curve.recall == ()
    assert curve.foreground_share == 0.0
