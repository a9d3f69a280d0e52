from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import DataError
from nano_u.evaluation import MeanMaskFloor, evaluate
from nano_u.reporting import evaluation_table


def image_set_of(masks: np.ndarray) -> ImageSet:
    names = tuple(f"a_{index}" for index in range(len(masks)))
    return ImageSet(np.zeros((*masks.shape[:3], 3), np.uint8), masks, names, ("a",) * len(masks))


def mostly_background() -> ImageSet:
    """Twenty frames with 4 % foreground, always in the same place."""
    masks = np.zeros((20, 10, 10, 1), np.uint8)
    masks[:, 4:6, 4:6] = 1
    return image_set_of(masks)


def test_18_a_model_that_only_knows_the_background_is_called_out() -> None:
    image_set = mostly_background()
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()

    result = evaluate(np.full(image_set.masks.shape, -5.0), image_set, floor_probabilities=floor)
    text = evaluation_table(result).to_text()

    assert result.pooled.metrics.accuracy == pytest.approx(0.96)
    assert result.pooled.metrics.iou == 0.0
    assert result.pooled.all_foreground.iou == pytest.approx(0.04)
    assert result.pooled.all_background.iou == 0.0
    assert "Foreground is 4.0% of the pixels; predicting it everywhere scores IoU 0.040" in text
    assert "warning: the model predicts background everywhere" in text
    assert "warning: pooled: IoU 0.000 does not beat the no-learning floor 1.000" in text
    assert "does not beat predicting foreground everywhere 0.040" in text


def test_18_the_floor_itself_does_not_beat_the_floor() -> None:
    image_set = mostly_background()
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    logits = np.where(floor >= 0.5, 3.0, -3.0)[None, ..., None] * np.ones((20, 1, 1, 1))

    result = evaluate(logits, image_set, floor_probabilities=floor)

    assert result.pooled.margin == 0.0
    assert any("does not beat the no-learning floor" in line for line in result.warnings)


def test_18_a_margin_inside_its_uncertainty_is_called_out() -> None:
    masks = np.zeros((10, 10, 10, 1), np.uint8)
    masks[:, 5:] = 1
    logits = np.where(masks == 1, 1.0, -1.0)
    logits[7:] *= -1  # right in seven frames, upside down in three: IoU 350 / 650
    floor = np.ones((10, 10))  # IoU 1 / 2

    result = evaluate(logits, image_set_of(masks), floor_probabilities=floor, block_length=3)

    assert result.pooled.margin is not None
    assert result.pooled.margin > 0
    assert any("by less than its uncertainty" in line for line in result.warnings)


def test_18_a_good_model_is_not_called_out() -> None:
    random = np.random.default_rng(0)
    masks = np.zeros((12, 10, 10, 1), np.uint8)
    for index, mask in enumerate(masks):
        mask[index % 5 : index % 5 + 4, 2:8] = 1
    logits = np.where(masks == 1, 3.0, -3.0) + random.normal(size=masks.shape)

    result = evaluate(logits, image_set_of(masks), floor_probabilities=MeanMaskFloor.fit(masks).probabilities)

    assert result.warnings == ()


def test_18_one_class_alone_is_not_a_perfect_score() -> None:
    masks = np.zeros((4, 6, 6, 1), np.uint8)

    result = evaluate(np.full(masks.shape, -5.0), image_set_of(masks), floor_probabilities=np.zeros((6, 6)))

    assert result.pooled.metrics.iou is None
    assert result.pooled.metrics.mean_iou is None
    assert any("IoU is undefined" in line for line in result.warnings)


def test_19_masks_of_0_and_255_are_refused_not_scored() -> None:
    masks = np.zeros((2, 4, 4, 1), np.uint8)
    masks[:, 2:] = 255

    with pytest.raises(DataError, match="decode the masks to 0 and 1 first"):
        evaluate(np.zeros(masks.shape), image_set_of(masks), floor_probabilities=None)


def test_19_masks_on_another_scale_are_refused() -> None:
    with pytest.raises(DataError, match="masks must hold 0 and 1"):
        image_set_of(np.full((2, 4, 4, 1), 7, np.uint8))


def test_19_probabilities_in_place_of_logits_are_called_out() -> None:
    image_set = mostly_background()
    probabilities = np.where(image_set.masks == 1, 0.99, 0.01)

    result = evaluate(probabilities, image_set, floor_probabilities=None)

    assert any("they look like probabilities" in line for line in result.warnings)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_19_no_logits_bring_a_metric_out_of_range(scale: float) -> None:
    random = np.random.default_rng(0)
    masks = random.choice(np.array([0, 1, 255], np.uint8), size=(5, 6, 6, 1))
    floor = random.random((6, 6))

    result = evaluate(random.normal(size=masks.shape) * scale, image_set_of(masks), floor_probabilities=floor)

    for row in (*result.groups, result.pooled):
        for metrics in (row.metrics, row.floor, row.all_foreground, row.all_background):
            assert metrics is not None
            assert all(value is None or 0 <= value <= 1 for value in dataclasses.astuple(metrics))
        assert row.iou_interval is not None
        assert 0 <= row.iou_interval.low <= row.iou_interval.high <= 1
