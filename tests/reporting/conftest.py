from __future__ import annotations

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import Evaluation, MeanMaskFloor, evaluate


@pytest.fixture
def image_set() -> ImageSet:
    """Two drives of ten frames with a moving square; one row of ignored pixels."""
    random = np.random.default_rng(0)
    masks = np.zeros((20, 12, 16, 1), np.uint8)
    for index, mask in enumerate(masks):
        mask[4:10, index % 6 : index % 6 + 7] = 1
        mask[0] = 255
    images = np.where(masks == 1, 180, 60) + random.integers(0, 40, size=(20, 12, 16, 3))
    groups = ("dawn",) * 10 + ("dusk",) * 10
    names = tuple(f"{group}_{index}" for index, group in enumerate(groups))
    return ImageSet(images.astype(np.uint8), masks, names, groups)


@pytest.fixture
def logits(image_set: ImageSet) -> np.ndarray:
    """Right where the square is, with noise."""
    noise = np.random.default_rng(1).normal(scale=1.5, size=image_set.masks.shape)
    return (np.where(image_set.masks == 1, 2.0, -2.0) + noise).astype(np.float32)


@pytest.fixture
def evaluation(image_set: ImageSet, logits: np.ndarray) -> Evaluation:
    """The logits evaluated beside the floor."""
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    return evaluate(logits, image_set, floor_probabilities=floor, resamples=200)
