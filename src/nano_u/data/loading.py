"""From files to an `ImageSet`: every file decoded and resized once, in parallel, before training begins."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nano_u.data.area import area_average
from nano_u.data.decode import read_image, read_mask, require_same_size
from nano_u.data.image_set import IGNORED, ImageSet
from nano_u.data.index import DatasetIndex, index_dataset
from nano_u.data.mask_values import MaskEncoding, encoding_warnings, palette_disagreement
from nano_u.data.names import shortened
from nano_u.data.sample import Sample
from nano_u.errors import DataError
from nano_u.runs import usable_cpus

if TYPE_CHECKING:
    from nano_u.config import DatasetConfig, ExperimentConfig

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the number of pairs done and the number in all."""

SYNTHETIC = "synthetic"
ROUNDING = 1e-9  # an area average of exactly one half may come out this much lower


def load_data(data: str, config: ExperimentConfig, *, progress: Progress | None = None) -> dict[str, ImageSet]:
    """The splits of a dataset folder, or of the synthetic terrain for `"synthetic"`, at the model's input size.

    Keys are the splits that exist, of `train`, `val` and `test`. Raises DataError where a split cannot serve: train
    or val masks without class or without background, or the same image in two splits.
    """
    height, width, _ = config.model.input_shape
    if data == SYNTHETIC:
        from nano_u.data.synthetic import synthetic_splits

        return dict(synthetic_splits((height, width), config.dataset.split_seed))
    index = index_dataset(data, config.dataset, val_fraction=config.val_fraction)
    for warning in index.warnings:
        logger.warning("%s: %s", data, warning)
    samples = [sample for split in index.splits.values() for sample in split]
    splits = _cut(load_images(samples, (height, width), config.dataset, progress=progress), index)
    for split in {"train", "val"} & splits.keys():
        require_both_classes(splits[split], f"{data}: {split}")
    require_distinct_splits(splits, data)
    return splits


def load_images(
    samples: Sequence[Sample], size: tuple[int, int], dataset_config: DatasetConfig, *, progress: Progress | None = None
) -> ImageSet:
    """Decode the samples and bring them to `size` (height, width) by area averages; masks are 1 from one half on.

    All files are tried before DataError names those that cannot be used.
    """
    images = np.empty((len(samples), *size, 3), np.uint8)
    masks = np.empty((len(samples), *size, 1), np.uint8)
    encodings: dict[str, MaskEncoding] = {}
    problems: list[str] = []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        loaded = pool.map(lambda sample: _load(sample, size, dataset_config), samples)
        for place, (sample, pair) in enumerate(zip(samples, loaded, strict=True)):
            if isinstance(pair, DataError):
                problems.append(str(pair))
            else:
                images[place], masks[place, ..., 0] = pair.image, pair.mask
                encodings[str(sample.mask)] = pair.encoding
            if progress is not None:
                progress(place + 1, len(samples))
    disagreement = palette_disagreement(encodings)
    _refuse([*problems, *([disagreement] if disagreement else [])])
    for warning in encoding_warnings(encodings):
        logger.warning("%s", warning)
    return ImageSet(images, masks, tuple(sample.name for sample in samples), tuple(sample.group for sample in samples))


def require_both_classes(image_set: ImageSet, what: str) -> None:
    """Refuse a split whose masks are all background or all class: nothing could be learned or measured."""
    share = image_set.positive_share()
    if share is None or share in (0.0, 1.0):
        found = {None: "ignored", 0.0: "background", 1.0: "class"}[share]
        raise DataError(f"{what}: all pixels of all {len(image_set)} masks are {found}; check the mask files")


def require_distinct_splits(splits: Mapping[str, ImageSet], what: str) -> None:
    """Refuse splits that share an image pixel for pixel: scores on it would measure memory."""
    first: dict[bytes, str] = {}
    shared: list[str] = []
    for split, image_set in splits.items():
        own = {
            hashlib.sha256(image.tobytes()).digest(): f"{split}/{n}"
            for n, image in zip(image_set.names, image_set.images, strict=True)
        }
        shared += [f"{name} = {first[pixels]}" for pixels, name in own.items() if pixels in first]
        first = own | first
    if shared:
        raise DataError(f"{what}: {len(shared)} image(s) in two splits ({shortened(shared, 3)}); keep each in one")


@dataclass(frozen=True)
class _LoadedPair:
    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    encoding: MaskEncoding


def _load(sample: Sample, size: tuple[int, int], dataset_config: DatasetConfig) -> _LoadedPair | DataError:
    try:
        image = read_image(sample.image, dataset_config.max_pixels)
        reading = read_mask(sample.mask, dataset_config.max_pixels, dataset_config.ignore_index)
        require_same_size(sample.image, image, sample.mask, reading)
    except DataError as error:
        return error
    return _LoadedPair(_shrunk_image(np.asarray(image.rgb), size), _shrunk_mask(reading.mask, size), reading.encoding)


def _shrunk_image(rgb: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return rgb if rgb.shape[:2] == size else np.rint(area_average(rgb, size)).astype(np.uint8)


def _shrunk_mask(mask: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """1 where the class covers at least half of the area that counts, 255 where most of the area is ignored."""
    if mask.shape == size:
        return mask
    covered = area_average(mask == 1, size)
    ignored = area_average(mask == IGNORED, size)
    shrunk = (covered >= 0.5 * (1 - ignored) - ROUNDING).astype(np.uint8)
    shrunk[ignored > 0.5 + ROUNDING] = IGNORED
    return shrunk


def _cut(whole: ImageSet, index: DatasetIndex) -> dict[str, ImageSet]:
    """The set of each split, as views of the whole."""
    splits: dict[str, ImageSet] = {}
    start = 0
    for split, members in index.splits.items():
        part = slice(start, start + len(members))
        splits[split] = ImageSet(whole.images[part], whole.masks[part], whole.names[part], whole.groups[part])
        start += len(members)
    return splits


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f"; and {len(problems) - 3} more files (nano-u doctor lists all)" if len(problems) > 3 else ""
        raise DataError("; ".join(problems[:3]) + more)
