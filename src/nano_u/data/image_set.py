"""Images and masks in memory, decoded and resized once: what training and evaluation work on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.data.spread import spread_indices
from nano_u.errors import DataError

IGNORED = 255
"""Mask value of pixels that are neither class nor background; occurs only where `dataset.ignore_index` is set."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images `(count, height, width, 3)` and masks `(count, height, width, 1)`, both uint8, with names and groups.

    Masks hold 1 for the class and 0 for background. Where `dataset.ignore_index` is configured they hold 255 for
    pixels to ignore: losses and metrics give those weight 0.
    """

    images: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.dtype != np.uint8 or self.masks.dtype != np.uint8:
            raise DataError(f"images and masks must be uint8, got {self.images.dtype} and {self.masks.dtype}")
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.masks.shape != (*self.images.shape[:3], 1):
            raise DataError(f"images {self.images.shape} and masks {self.masks.shape} do not fit together")
        if len(self.names) != count or len(self.groups) != count:
            raise DataError(f"{count} images, but {len(self.names)} names and {len(self.groups)} groups")
        if bool(np.any((self.masks > 1) & (self.masks != IGNORED))):
            raise DataError("masks must hold 0 and 1, or 255 for pixels to ignore")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.images.shape[1], self.images.shape[2]

    def select(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> ImageSet:
        """The images at `indices`, in that order."""
        chosen = np.asarray(indices, dtype=np.intp)
        return ImageSet(
            self.images[chosen],
            self.masks[chosen],
            tuple(self.names[index] for index in chosen),
            tuple(self.groups[index] for index in chosen),
        )

    def spread(self, count: int) -> ImageSet:
        """`count` of the images, spread evenly over the set; all of them where there are fewer."""
        return self.select(spread_indices(len(self), count))

    def positive_share(self) -> float | None:
        """Share of the pixels not ignored that belong to the class; None without such pixels."""
        counted = int(np.count_nonzero(self.masks != IGNORED))
        return int(np.count_nonzero(self.masks == 1)) / counted if counted else None

    def manifest(self) -> tuple[tuple[str, str], ...]:
        """Name and SHA-256 of the pixels of every image and mask: tells later which files have changed."""
        return tuple(
            (name, hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest())
            for name, image, mask in zip(self.names, self.images, self.masks, strict=True)
        )

    def fingerprint(self) -> str:
        """SHA-256 over size, names, groups and pixels in their order: equal means the same data."""
        digest = hashlib.sha256(repr((self.images.shape, self.names, self.groups)).encode())
        for _, pixels in self.manifest():
            digest.update(pixels.encode())
        return digest.hexdigest()
