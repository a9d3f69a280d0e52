from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import DataError


def small_set(count: int = 3) -> ImageSet:
    random = np.random.default_rng(0)
    return ImageSet(
        images=random.integers(0, 256, (count, 4, 6, 3), np.uint8),
        masks=random.integers(0, 2, (count, 4, 6, 1), np.uint8),
        names=tuple(f"a_{index}" for index in range(count)),
        groups=("a",) * count,
    )


def test_selecting_keeps_images_masks_names_and_groups_together() -> None:
    data = small_set()

    chosen = data.select([2, 0])

    assert len(chosen) == 2
    assert chosen.size == (4, 6)
    assert chosen.names == ("a_2", "a_0")
    np.testing.assert_array_equal(chosen.images, data.images[[2, 0]])
    np.testing.assert_array_equal(chosen.masks, data.masks[[2, 0]])


def test_an_empty_selection_is_an_empty_set() -> None:
    assert len(small_set().select([])) == 0
    assert small_set().select([]).positive_share() is None


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, "0"), (2, "06"), (3, "036"), (4, "0246"), (7, "0123456"), (9, "0123456")]
)
def test_a_spread_goes_evenly_from_the_first_to_the_last(count: int, chosen: str) -> None:
    assert small_set(7).spread(count).names == tuple(f"a_{index}" for index in chosen)


def test_a_spread_over_nothing_is_empty() -> None:
    assert len(small_set().select([]).spread(5)) == 0


def test_equal_data_has_one_fingerprint_and_any_change_another() -> None:
    data = small_set()
    images, masks = data.images.copy(), data.masks.copy()
    images[1, 0, 0, 0] ^= 1
    masks[1, 0, 0, 0] ^= 1

    changed = [
        dataclasses.replace(data, images=images),
        dataclasses.replace(data, masks=masks),
        dataclasses.replace(data, names=("a_0", "a_1", "b")),
        dataclasses.replace(data, groups=("a", "a", "b")),
        data.select([1, 0, 2]),
    ]

    assert data.fingerprint() == small_set().fingerprint()
    assert len({data.fingerprint(), *(other.fingerprint() for other in changed)}) == 6


def test_the_manifest_tells_which_image_changed() -> None:
    data = small_set()
    images = data.images.copy()
    images[1, 0, 0, 0] ^= 1

    differing = set(data.manifest()) ^ set(dataclasses.replace(data, images=images).manifest())

    assert {name for name, _ in differing} == {"a_1"}


def test_ignored_pixels_do_not_count_in_the_share() -> None:
    masks = np.array([1, 0, 255, 255], np.uint8).reshape(1, 2, 2, 1)

    assert ImageSet(np.zeros((1, 2, 2, 3), np.uint8), masks, ("a",), ("g",)).positive_share() == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((3, 4, 6, 3), np.float32)}, r"must be uint8, got float32"),
        ({"images": np.zeros((3, 6, 4, 3), np.uint8)}, r"do not fit together"),
        ({"images": np.zeros((3, 4, 6, 1), np.uint8)}, r"do not fit together"),
        ({"names": ("a",)}, r"3 images, but 1 names and 3 groups"),
        ({"masks": np.full((3, 4, 6, 1), 2, np.uint8)}, r"masks must hold 0 and 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataclasses.replace(small_set(), **changes)
