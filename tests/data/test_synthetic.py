from __future__ import annotations

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.data.synthetic import IMAGES_PER_SCENE, SPLIT_COUNTS, synthetic_splits, synthetic_terrain
from nano_u.errors import DataError


def assert_equal(first: ImageSet, second: ImageSet) -> None:
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)
    assert (first.names, first.groups) == (second.names, second.groups)


def test_the_same_seed_gives_the_same_images() -> None:
    assert_equal(synthetic_terrain(5, seed=3), synthetic_terrain(5, seed=3))


def test_an_image_does_not_depend_on_how_many_are_asked_for() -> None:
    count = IMAGES_PER_SCENE + 2

    few, many = synthetic_terrain(count - 1), synthetic_terrain(count + 3)

    assert_equal(few, many.select(range(count - 1)))


def test_seeds_give_different_images() -> None:
    first, second = synthetic_terrain(4, seed=0), synthetic_terrain(4, seed=1)

    assert not any(np.array_equal(a, b) for a in first.images for b in second.images)


def test_no_two_images_of_a_set_are_equal() -> None:
    images = synthetic_terrain(2 * IMAGES_PER_SCENE).images

    assert len({image.tobytes() for image in images}) == len(images)


def test_a_scene_is_a_group_of_consecutive_images() -> None:
    terrain = synthetic_terrain(IMAGES_PER_SCENE + 1)

    assert terrain.groups == ("terrain00",) * IMAGES_PER_SCENE + ("terrain01",)
    assert terrain.names[0] == "terrain00_0000"
    assert terrain.names[-1] == "terrain01_0000"
    assert all(name.rpartition("_")[0] == group for name, group in zip(terrain.names, terrain.groups, strict=True))


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (16, 64), (64, 16), (60, 80)])
def test_images_and_masks_have_the_size_asked_for(size: tuple[int, int]) -> None:
    terrain = synthetic_terrain(6, size)

    assert terrain.images.shape == (6, *size, 3)
    assert terrain.masks.shape == (6, *size, 1)
    assert terrain.images.dtype == terrain.masks.dtype == np.uint8


def test_masks_hold_zero_and_one_and_nearly_every_image_shows_a_path() -> None:
    masks = synthetic_terrain(150).masks

    assert set(np.unique(masks)) == {0, 1}
    assert 0.2 < masks.mean() < 0.5
    assert (masks.reshape(150, -1).sum(axis=1) == 0).mean() < 0.05


def test_pictures_are_neither_black_nor_white() -> None:
    images = synthetic_terrain(60).images

    assert images.reshape(60, -1).mean(axis=1).min() > 60
    assert images.reshape(60, -1).mean(axis=1).max() < 220
    assert (images == 255).mean() < 0.1
    assert (images == 0).mean() < 0.01


def test_splits_have_the_counts_asked_for_and_share_no_scene() -> None:
    counts = {"train": 31, "val": 7, "test": 17}

    splits = synthetic_splits(size=(12, 16), counts=counts)

    assert {split: len(images) for split, images in splits.items()} == counts
    assert list(splits) == list(SPLIT_COUNTS)
    scenes = [set(images.groups) for images in splits.values()]
    assert len(set.union(*scenes)) == sum(len(groups) for groups in scenes)


def test_the_test_split_does_not_depend_on_the_number_of_training_images() -> None:
    few = synthetic_splits(size=(12, 16), counts={"train": 1, "val": 2, "test": 16})
    many = synthetic_splits(size=(12, 16), counts={"train": 40, "val": 2, "test": 16})

    assert_equal(few["test"], many["test"])
    assert_equal(few["val"], many["val"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be at least 1, got 0"),
        ({"count": 1, "size": (48, 4)}, r"size must be at least 8x8 \(height, width\), got \(48, 4\)"),
        ({"count": 1, "seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        synthetic_terrain(**arguments)


def test_unknown_splits_are_refused() -> None:
    with pytest.raises(DataError, match="counts must name the splits train, val, test, got train, tset"):
        synthetic_splits(counts={"train": 1, "tset": 1})
