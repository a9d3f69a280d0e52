from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet

MakeImageSet = Callable[..., ImageSet]


@pytest.fixture
def make_image_set() -> MakeImageSet:
    """Grey images around given masks `(count, height, width)`; names `<group>_<number>`."""

    def make(
        masks: np.ndarray, groups: tuple[str, ...] | None = None, names: tuple[str, ...] | None = None
    ) -> ImageSet:
        masks = np.asarray(masks, np.uint8)[..., None]
        groups = groups or ("drive",) * len(masks)
        names = names or tuple(f"{group}_{index}" for index, group in enumerate(groups))
        return ImageSet(np.full((*masks.shape[:3], 3), 90, np.uint8), masks, names, groups)

    return make


@pytest.fixture
def drives(make_image_set: MakeImageSet) -> tuple[ImageSet, np.ndarray]:
    """Two drives of 24 and 30 frames with slowly drifting roads, and logits that are often but not always right."""
    random = np.random.default_rng(7)
    drift = np.concatenate([2 * np.sin(np.arange(24) / 5), 2 * np.cos(np.arange(30) / 6)])
    rows = np.arange(8)[None, :, None] * np.ones((54, 1, 10))
    masks = rows > 3 + drift[:, None, None]
    logits = np.where(rows > 3 + 0.5 * drift[:, None, None], 1.5, -1.5) + random.normal(size=masks.shape)
    groups = ("a",) * 24 + ("b",) * 30
    names = tuple(f"{group}_{index}" for index, group in enumerate(groups))
    return make_image_set(masks, groups, names), logits[..., None].astype(np.float32)
