from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.data.image_set import ImageSet
from nano_u.errors import DataError
from nano_u.evaluation import MeanMaskFloor, evaluate, to_logits


def test_the_floor_is_the_share_of_masks_with_foreground_at_each_pixel() -> None:
    masks = np.array([[[1, 0]], [[1, 1]], [[1, 0]], [[1, 0]]], np.uint8)[..., None]

    assert MeanMaskFloor.fit(masks).predict_probabilities().tolist() == [[1.0, 0.25]]


def test_ignored_pixels_do_not_count_and_never_labelled_ones_take_the_mean() -> None:
    masks = np.array([[[1, 255, 255]], [[255, 0, 255]], [[0, 0, 255]]], np.uint8)[..., None]

    assert MeanMaskFloor.fit(masks).predict_probabilities() == pytest.approx(np.array([[0.5, 0.0, 0.25]]))


@pytest.mark.parametrize("masks", [np.zeros((0, 2, 2, 1), np.uint8), np.full((3, 2, 2, 1), 255, np.uint8)])
def test_masks_that_say_nothing_are_refused(masks: np.ndarray) -> None:
    with pytest.raises(DataError, match="training mask"):
        MeanMaskFloor.fit(masks)


def test_the_floor_on_the_shared_images_is_the_published_one(camvid: Path) -> None:
    train, test = area_resized(camvid / "train" / "mask"), area_resized(camvid / "test" / "mask")
    floor = MeanMaskFloor.fit(train.masks).predict_probabilities()
    logits = np.broadcast_to(to_logits(floor)[None, ..., None], test.masks.shape)

    result = evaluate(logits, test, floor_probabilities=floor, resamples=10)

    assert result.pooled.floor is not None
    assert result.pooled.floor.iou == pytest.approx(0.690, abs=0.002)
    assert {row.name: row.floor.iou for row in result.groups if row.floor} == pytest.approx(
        {"0001TP": 0.481, "Seq05VD": 0.760}, abs=0.003
    )
    assert result.pooled.margin == 0.0


def area_resized(folder: Path) -> ImageSet:
    """Masks at 48 x 64: foreground where at least half of the covered area is."""
    down, across = area_weights(120, 48), area_weights(160, 64)
    paths = sorted(folder.glob("*.png"))
    shares = np.stack([down @ (np.asarray(Image.open(path)) / 255.0) @ across.T for path in paths])
    masks = (shares >= 0.5 - 1e-9).astype(np.uint8)[..., None]
    names = tuple(path.stem for path in paths)
    images = np.zeros((*masks.shape[:3], 3), np.uint8)
    return ImageSet(images, masks, names, tuple(name.rsplit("_", 1)[0] for name in names))


def area_weights(size: int, cells: int) -> np.ndarray:
    """Share of each cell that each pixel covers, `(cells, size)`."""
    edges = np.linspace(0, size, cells + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(overlap, 0, None) * cells / size
