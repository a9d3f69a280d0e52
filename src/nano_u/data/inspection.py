"""One image and its mask read once, and what a dataset's check needs to know of them kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nano_u.data.decode import UprightImage, read_image, read_mask, require_same_size
from nano_u.data.mask_values import MaskEncoding, MaskReading
from nano_u.data.sample import Sample
from nano_u.data.similarity import Thumbnails, thumbnail
from nano_u.errors import DataError

if TYPE_CHECKING:
    from nano_u.config import DatasetConfig


@dataclass(frozen=True)
class ImageFacts:
    """Size as `160x120`, EXIF orientation of the file, SHA-256 of the upright RGB pixels, thumbnail."""

    size: str
    orientation: int
    pixel_hash: bytes
    thumbnail: Thumbnails


@dataclass(frozen=True)
class MaskFacts:
    """Encoding of a mask, pixels of the class and pixels that count (those not ignored)."""

    encoding: MaskEncoding
    positive: int
    counted: int


@dataclass(frozen=True)
class PairFacts:
    """What is known of one pair; a file that cannot be used has no facts but a problem."""

    split: str
    sample: Sample
    image: ImageFacts | None
    mask: MaskFacts | None
    problems: tuple[str, ...]


def inspect_pair(split: str, sample: Sample, dataset_config: DatasetConfig) -> PairFacts:
    """Read both files of a pair; what is wrong with them becomes a problem, not an error."""
    problems: list[str] = []
    image = _image_or_problem(sample.image, dataset_config, problems)
    mask = _mask_or_problem(sample.mask, dataset_config, problems)
    if image is not None and mask is not None:
        try:
            require_same_size(sample.image, image, sample.mask, mask)
        except DataError as error:
            problems.append(str(error))
    return PairFacts(
        split=split,
        sample=sample,
        image=None if image is None else _image_facts(image),
        mask=None if mask is None else _mask_facts(mask),
        problems=tuple(problems),
    )


def _image_or_problem(path: Path, dataset_config: DatasetConfig, problems: list[str]) -> UprightImage | None:
    try:
        return read_image(path, dataset_config.max_pixels)
    except DataError as error:
        problems.append(str(error))
        return None


def _mask_or_problem(path: Path, dataset_config: DatasetConfig, problems: list[str]) -> MaskReading | None:
    try:
        return read_mask(path, dataset_config.max_pixels, dataset_config.ignore_index)
    except DataError as error:
        problems.append(str(error))
        return None


def _image_facts(image: UprightImage) -> ImageFacts:
    width, height = image.rgb.size
    size = f"{width}x{height}"
    return ImageFacts(
        size=size,
        orientation=image.orientation,
        pixel_hash=hashlib.sha256(size.encode() + image.rgb.tobytes()).digest(),
        thumbnail=thumbnail(image.rgb),
    )


def _mask_facts(reading: MaskReading) -> MaskFacts:
    positive, background = (int(np.count_nonzero(reading.mask == value)) for value in (1, 0))
    return MaskFacts(reading.encoding, positive, positive + background)
