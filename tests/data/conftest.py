from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WritePairs = Callable[..., Path]


@pytest.fixture
def write_pairs(tmp_path: Path) -> WritePairs:
    """Writes an image of noise and a half-bright mask for each name below `tmp_path / folder`; returns that folder."""

    def write(folder: str, names: Iterable[str], *, images: str = "img", masks: str = "mask") -> Path:
        root = tmp_path / folder
        for kind in (images, masks):
            (root / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            random = np.random.default_rng(list(f"{folder}/{name}".encode()))
            Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(root / images / f"{name}.png")
            mask = np.zeros((8, 8), np.uint8)
            mask[4:] = 255
            Image.fromarray(mask).save(root / masks / f"{name}.png")
        return root

    return write
