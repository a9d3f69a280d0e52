"""Synthetic terrain: a robot's view of outdoor ground with the path it may drive on, drawn from a seed alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nano_u.data.image_set import ImageSet
from nano_u.data.terrain_camera import photograph
from nano_u.data.terrain_noise import FloatArray
from nano_u.data.terrain_obstacles import draw_obstacles
from nano_u.data.terrain_path import draw_lanes
from nano_u.data.terrain_render import render_terrain
from nano_u.data.terrain_scene import Scene, draw_scene
from nano_u.data.terrain_view import look
from nano_u.errors import DataError

IMAGES_PER_SCENE = 15
SPLIT_COUNTS: Mapping[str, int] = {"train": 900, "val": 75, "test": 120}
_SMALLEST_SIDE = 8
_SCENE_STREAM, _IMAGE_STREAM = 0, 1


def synthetic_terrain(count: int, size: tuple[int, int] = (48, 64), seed: int = 0) -> ImageSet:
    """The first `count` images of data set `seed` at `size` (height, width); masks are 1 on visible path.

    Image i depends on `seed`, `size` and i only. Each run of 15 images shows one scene, which is its group. Shadows and
    puddles on the path count as path; obstacles that stand before it do not. The first images are those that
    `synthetic_splits` tests on.
    """
    return _render_range(0, count, size, seed)


def synthetic_splits(
    size: tuple[int, int] = (48, 64), seed: int = 0, counts: Mapping[str, int] = SPLIT_COUNTS
) -> dict[str, ImageSet]:
    """Training, validation and test images of data set `seed`, no scene in two of them.

    Test images come first in the data set and training images last: another number of training images leaves what is
    measured as it was.
    """
    if set(counts) != set(SPLIT_COUNTS):
        raise DataError(f"counts must name the splits {', '.join(SPLIT_COUNTS)}, got {', '.join(counts) or 'none'}")
    splits = {}
    first = 0
    for split in ("test", "val", "train"):
        splits[split] = _render_range(first, counts[split], size, seed)
        first += -(-counts[split] // IMAGES_PER_SCENE) * IMAGES_PER_SCENE
    return {split: splits[split] for split in SPLIT_COUNTS}


def _render_range(first: int, count: int, size: tuple[int, int], seed: int) -> ImageSet:
    if count < 1:
        raise DataError(f"count must be at least 1, got {count}")
    if min(size) < _SMALLEST_SIDE:
        raise DataError(f"size must be at least {_SMALLEST_SIDE}x{_SMALLEST_SIDE} (height, width), got {tuple(size)}")
    if seed < 0:
        raise DataError(f"seed must not be negative, got {seed}")
    images = np.empty((count, *size, 3), np.uint8)
    masks = np.empty((count, *size, 1), np.uint8)
    names, groups = [], []
    for position in range(count):
        number, place = divmod(first + position, IMAGES_PER_SCENE)
        if position == 0 or place == 0:
            scene = draw_scene(_generator(seed, _SCENE_STREAM, number))
        rng = _generator(seed, _IMAGE_STREAM, first + position)
        images[position], masks[position, ..., 0] = _draw_image(scene, size, rng)
        groups.append(f"terrain{number:02d}")
        names.append(f"terrain{number:02d}_{place:04d}")
    return ImageSet(images, masks, tuple(names), tuple(groups))


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(key))


def _draw_image(
    scene: Scene, size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One image and its mask, rendered at twice the size and averaged."""
    view = look(
        2 * size[0],
        2 * size[1],
        focal=scene.focal,
        horizon=scene.horizon + float(rng.normal(0.0, 0.033)),
        roll=float(rng.normal(0.0, 0.025)),
    )
    lanes = draw_lanes(scene.half_width, rng)
    obstacles = draw_obstacles(lanes, scene, rng)
    frame, is_path = render_terrain(view, scene, lanes, obstacles, rng)
    mask = _halve(is_path.astype(np.float32)) >= 0.5
    return photograph(_halve(frame), scene.white_balance, rng), mask.astype(np.uint8)


def _halve(frame: FloatArray) -> FloatArray:
    """Mean over cells of 2 x 2 pixels of the last two axes."""
    rows = frame[..., ::2, :] + frame[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
