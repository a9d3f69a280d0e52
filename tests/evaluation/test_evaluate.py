from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import ConfigError
from nano_u.evaluation import POOLED, ConfusionCounts, MeanMaskFloor, evaluate, segmentation_metrics

MakeImageSet = Callable[..., ImageSet]
Drives = tuple[ImageSet, np.ndarray]


def slow_iou(predicted: np.ndarray, masks: np.ndarray) -> float:
    intersection = union = 0
    for guess, truth in zip(predicted.ravel().tolist(), masks.ravel().tolist(), strict=True):
        if truth != 255:
            intersection += bool(guess) and truth == 1
            union += bool(guess) or truth == 1
    return intersection / union


def test_pooled_and_group_iou_equal_loops_over_pixels(drives: Drives) -> None:
    image_set, logits = drives
    floor = MeanMaskFloor.fit(image_set.masks[::2]).predict_probabilities()
    in_a = np.array(image_set.groups) == "a"

    result = evaluate(logits, image_set, floor_probabilities=floor, threshold=0.5)

    assert [row.name for row in result.groups] == ["a", "b"]
    assert [row.images for row in (*result.groups, result.pooled)] == [24, 30, 54]
    assert result.pooled.metrics.iou == pytest.approx(slow_iou(logits >= 0, image_set.masks))
    assert result.groups[0].metrics.iou == pytest.approx(slow_iou(logits[in_a] >= 0, image_set.masks[in_a]))
    guess = np.broadcast_to((floor >= 0.5)[None, ..., None], image_set.masks.shape)
    assert result.pooled.floor is not None
    assert result.pooled.floor.iou == pytest.approx(slow_iou(guess, image_set.masks))
    assert result.pooled.margin == pytest.approx(result.pooled.metrics.iou - result.pooled.floor.iou)


def test_counts_of_the_groups_add_up_to_the_pooled_ones(drives: Drives) -> None:
    image_set, logits = drives

    result = evaluate(logits, image_set, floor_probabilities=None, resamples=10)

    sums = np.sum([dataclasses.astuple(row.counts) for row in result.groups], axis=0)
    assert ConfusionCounts(*sums.tolist()) == result.pooled.counts
    assert segmentation_metrics(result.pooled.counts) == result.pooled.metrics


def test_the_order_of_the_images_changes_nothing(drives: Drives) -> None:
    image_set, logits = drives
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    order = np.random.default_rng(0).permutation(len(image_set))

    shuffled = evaluate(logits[order], image_set.select(order), floor_probabilities=floor)

    assert shuffled == evaluate(logits, image_set, floor_probabilities=floor)


def test_another_group_beside_it_changes_nothing_in_a_group(drives: Drives) -> None:
    image_set, logits = drives
    only_b = np.flatnonzero(np.array(image_set.groups) == "b")

    alone = evaluate(logits[only_b], image_set.select(only_b), floor_probabilities=None)

    assert alone.groups[0] == evaluate(logits, image_set, floor_probabilities=None).groups[1]


def test_one_group_is_the_pooled_row(drives: Drives) -> None:
    image_set, logits = drives
    only_b = np.flatnonzero(np.array(image_set.groups) == "b")

    result = evaluate(logits[only_b], image_set.select(only_b), floor_probabilities=None)

    assert dataclasses.replace(result.groups[0], name=POOLED, block_length=None) == result.pooled


def test_intervals_contain_the_estimates_and_widen_with_the_blocks(drives: Drives) -> None:
    image_set, logits = drives
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()

    short = evaluate(logits, image_set, floor_probabilities=floor, block_length=1)
    long = evaluate(logits, image_set, floor_probabilities=floor)

    for result in (short, long):
        for row in (*result.groups, result.pooled):
            assert row.iou_interval is not None
            assert row.margin_interval is not None
            assert row.iou_interval.low < row.metrics.iou < row.iou_interval.high
            assert row.margin_interval.low < row.margin < row.margin_interval.high
    assert width(long) > 1.5 * width(short)
    assert [row.block_length for row in long.groups] == [5, 6]


def width(result: object) -> float:
    interval = result.pooled.iou_interval  # type: ignore[attr-defined]
    return float(interval.high - interval.low)


def test_background_that_is_easily_right_changes_no_interval(make_image_set: MakeImageSet, drives: Drives) -> None:
    image_set, logits = drives
    masks = np.pad(image_set.masks[..., 0], ((0, 0), (0, 9), (0, 0)))
    wider = make_image_set(masks, image_set.groups, image_set.names)
    padded = np.pad(logits, ((0, 0), (0, 9), (0, 0), (0, 0)), constant_values=-9)

    results = [
        evaluate(scores, images, floor_probabilities=np.zeros(images.size)).pooled
        for scores, images in ((logits, image_set), (padded, wider))
    ]

    assert results[0].iou_interval == results[1].iou_interval
    assert results[0].metrics.accuracy != results[1].metrics.accuracy


def test_equal_frames_have_an_interval_of_no_width(make_image_set: MakeImageSet) -> None:
    image_set = make_image_set(np.tile([[1, 1, 0, 0]], (9, 1, 1)))
    logits = np.tile(np.array([1, -1, 1, -1], np.float32).reshape(1, 1, 4, 1), (9, 1, 1, 1))

    pooled = evaluate(logits, image_set, floor_probabilities=None).pooled

    assert pooled.metrics.iou == pytest.approx(1 / 3)
    assert pooled.iou_interval is not None
    assert pooled.iou_interval.low == pooled.iou_interval.high == pytest.approx(1 / 3)


def test_groups_of_one_image_have_no_interval_but_their_pool_has(make_image_set: MakeImageSet) -> None:
    random = np.random.default_rng(0)
    masks = random.integers(0, 2, size=(10, 4, 4))
    logits = random.normal(size=(10, 4, 4, 1)).astype(np.float32)
    separate = evaluate(
        logits, make_image_set(masks, tuple(f"scene{index}" for index in range(10))), floor_probabilities=None
    )

    assert all(row.iou_interval is None for row in separate.groups)
    assert separate.pooled.iou_interval is not None
    together = evaluate(logits, make_image_set(masks), floor_probabilities=None, block_length=1)
    assert width(separate) == pytest.approx(width(together), rel=0.15)


def test_a_single_image_has_no_interval(make_image_set: MakeImageSet) -> None:
    result = evaluate(np.ones((1, 1, 2, 1)), make_image_set(np.array([[[0, 1]]])), floor_probabilities=None)

    assert result.pooled.metrics.iou == 0.5
    assert result.pooled.iou_interval is None


def test_the_threshold_is_a_probability(make_image_set: MakeImageSet) -> None:
    image_set = make_image_set(np.array([[[1, 0]]]))
    logits = np.array([2.0, 1.0]).reshape(1, 1, 2, 1)

    low = evaluate(logits, image_set, floor_probabilities=None, threshold=0.7)
    high = evaluate(logits, image_set, floor_probabilities=None, threshold=0.8)

    assert (low.pooled.metrics.iou, high.pooled.metrics.iou) == (0.5, 1.0)
    with pytest.raises(ConfigError, match="threshold"):
        evaluate(logits, image_set, floor_probabilities=None, threshold=50)


@pytest.mark.parametrize("options", [{"resamples": 0}, {"block_length": 0}])
def test_resamples_and_blocks_of_nothing_are_refused(make_image_set: MakeImageSet, options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        evaluate(np.ones((1, 1, 2, 1)), make_image_set(np.array([[[0, 1]]])), floor_probabilities=None, **options)


def test_the_record_is_strict_json(make_image_set: MakeImageSet, drives: Drives) -> None:
    image_set, logits = drives
    nothing = make_image_set(np.zeros((3, 2, 2)))
    full = evaluate(logits, image_set, floor_probabilities=np.full((8, 10), 0.5))
    empty = evaluate(np.full((3, 2, 2, 1), -4.0), nothing, floor_probabilities=np.zeros((2, 2)))

    for result in (full, empty):
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert json.loads(text) == result.to_dict()
    assert empty.to_dict()["pooled"]["metrics"]["iou"] is None
    assert empty.to_dict()["pooled"]["metrics"]["accuracy"] == 1.0


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others(drives: Drives) -> None:
    image_set, logits = drives

    first, again, other = (evaluate(logits, image_set, floor_probabilities=None, seed=seed) for seed in (3, 3, 4))

    assert first == again
    assert first.pooled.iou_interval != other.pooled.iou_interval
