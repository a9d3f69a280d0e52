from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nano_u.data.similarity import distances_between_groups, nearest_distances, repeated, thumbnail


def test_a_thumbnail_is_the_gray_average_of_its_blocks() -> None:
    gray = np.kron(np.arange(256, dtype=np.uint8).reshape(16, 16), np.ones((3, 5), np.uint8))

    assert thumbnail(Image.fromarray(gray).convert("RGB")).tolist() == list(range(256))


def test_the_distance_is_the_root_mean_square_difference_to_the_nearest() -> None:
    references = np.array([[0, 0, 0, 0], [100, 100, 100, 100]], np.uint8)
    queries = np.array([[0, 0, 0, 0], [3, 0, 0, 4], [90, 100, 110, 100]], np.uint8)

    assert nearest_distances(queries, references).tolist() == pytest.approx([0, 2.5, np.sqrt(50)], abs=1e-3)


def test_many_queries_are_compared_in_parts() -> None:
    random = np.random.default_rng(0)
    references, queries = random.integers(0, 256, (5, 16), np.uint8), random.integers(0, 256, (5000, 16), np.uint8)

    slow = np.sqrt(((queries[:, None].astype(float) - references) ** 2).mean(axis=2)).min(axis=1)

    np.testing.assert_allclose(nearest_distances(queries, references), slow, rtol=1e-4)


def test_distances_between_groups_skip_the_own_group() -> None:
    thumbnails = np.array([[0, 0], [1, 1], [100, 100]], np.uint8)

    found = distances_between_groups(thumbnails, ["a", "a", "b"])

    assert {group: distances.tolist() for group, distances in found.items()} == {"a": [100, 99], "b": [99]}


def test_one_group_has_nothing_to_lie_apart_from() -> None:
    assert distances_between_groups(np.zeros((3, 4), np.uint8), ["a"] * 3) == {}


def test_only_evenly_spaced_images_of_a_large_set_are_asked() -> None:
    thumbnails = np.arange(100, dtype=np.uint8)[:, None].repeat(4, axis=1)

    found = distances_between_groups(thumbnails, ["a"] * 50 + ["b"] * 50, most=10)

    assert sum(map(len, found.values())) == 10


def test_repeated_keys_give_their_places() -> None:
    assert repeated([b"x", b"y", b"x", b"z", b"y", b"x"]) == ((0, 2, 5), (1, 4))
