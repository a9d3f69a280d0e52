"""What the values stored in a mask file mean: 0 and 1 from any unambiguous encoding, a refusal from all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nano_u.data.image_set import IGNORED
from nano_u.errors import DataError

Storage = Literal["1-bit", "8-bit", "16-bit", "palette"]

FOREGROUND_VALUES: Mapping[Storage, frozenset[int] | None] = {
    "1-bit": frozenset({1}),
    "8-bit": frozenset({1, 255}),
    "16-bit": frozenset({1, 255, 65535}),
    "palette": None,  # any single index; see `palette_disagreement`
}
LOSSY_FORMATS = frozenset({"JPEG", "MPO", "WEBP", "JPEG2000", "AVIF"})
RINGING = 0.25  # of the largest value: how far lossy compression may move a pixel from 0 or the largest value
RINGING_SHARE = 0.1  # of the pixels may lie further away, else the picture is no mask


@dataclass(frozen=True)
class MaskEncoding:
    """How a mask file says 0 and 1; `foreground_value` is None for a mask without class.

    `stray_pixels` counts pixels of a lossy file that held neither of its two values and were thresholded.
    """

    storage: Storage
    foreground_value: int | None
    pixels: int
    stray_pixels: int = 0

    def __str__(self) -> str:
        values = "0 only" if self.foreground_value is None else f"0/{self.foreground_value}"
        return f"{self.storage} {values}{' lossy' if self.stray_pixels else ''}"


@dataclass(frozen=True)
class MaskReading:
    """A mask as read: `mask` (height, width) holds 0, 1 and, with an ignore index, 255."""

    mask: npt.NDArray[np.uint8]
    encoding: MaskEncoding


def read_values(
    name: str,
    values: npt.NDArray[np.integer],
    storage: Storage,
    *,
    is_lossy: bool = False,
    ignore_index: int | None = None,
) -> MaskReading:
    """Decide what the stored `values` (height, width) mean; raises DataError that starts with `name`.

    One file decides for itself: background is 0, the class is the only other value and must be one that this storage
    can mean. So an all-zero file is all background in a 0/255 dataset too. Lossy files are thresholded at half of
    their largest value if nearly all pixels lie near 0 or near it.
    """
    levels = _levels(values)
    classes = [level for level in levels if level not in (0, ignore_index)]
    allowed = FOREGROUND_VALUES[storage]
    if len(classes) > 1 and is_lossy and storage == "8-bit" and ignore_index is None:
        return _thresholded(name, values, storage)
    if len(classes) > 1 or (classes and allowed is not None and classes[0] not in allowed):
        raise DataError(f"{name}: {_what_is_wrong(levels, storage, ignore_index)}")
    foreground = classes[0] if classes else None
    mask = np.zeros(values.shape, np.uint8) if foreground is None else (values == foreground).astype(np.uint8)
    if ignore_index is not None:
        mask[values == ignore_index] = IGNORED
    return MaskReading(mask, MaskEncoding(storage, foreground, mask.size))


def palette_disagreement(encodings: Mapping[str, MaskEncoding]) -> str | None:
    """A line naming two palette masks whose class has different indices: then the indices mean several classes."""
    first = _first_by_value(encodings, "palette")
    if len(first) < 2:
        return None
    (value, name), (other_value, other_name) = list(first.items())[:2]
    return (
        f"palette masks disagree on the class: index {value} in {name}, index {other_value} in {other_name}; "
        "write masks with one class only"
    )


def encoding_warnings(encodings: Mapping[str, MaskEncoding]) -> tuple[str, ...]:
    """What the user should know about the encodings of a whole dataset: lossy masks, and 0/1 mixed with 0/255."""
    warnings: list[str] = []
    lossy = {name: encoding for name, encoding in encodings.items() if encoding.stray_pixels}
    if lossy:
        stray = sum(encoding.stray_pixels for encoding in lossy.values())
        pixels = sum(encoding.pixels for encoding in lossy.values())
        warnings.append(
            f"{len(lossy)} mask(s) in a lossy format: {stray} of {pixels} pixels hold neither 0 nor 255, "
            f"thresholded at half (first: {next(iter(lossy))}); save masks as PNG"
        )
    first = _first_by_value(encodings, "8-bit")
    if {1, 255} <= first.keys():
        warnings.append(
            f"some masks use 0/1 ({first[1]}), others 0/255 ({first[255]}); where 255 marks pixels to ignore, set "
            "dataset.ignore_index: 255"
        )
    return tuple(warnings)


def _first_by_value(encodings: Mapping[str, MaskEncoding], storage: Storage) -> dict[int, str]:
    first: dict[int, str] = {}
    for name, encoding in encodings.items():
        if encoding.storage == storage and encoding.foreground_value is not None and not encoding.stray_pixels:
            first.setdefault(encoding.foreground_value, name)
    return first


def _levels(values: npt.NDArray[np.integer]) -> list[int]:
    if values.dtype == np.uint8:
        return [int(level) for level in np.flatnonzero(np.bincount(values.ravel(), minlength=256))]
    return [int(level) for level in np.unique(values)]


def _thresholded(name: str, values: npt.NDArray[np.integer], storage: Storage) -> MaskReading:
    largest = int(values.max())
    if largest < 128:
        raise DataError(f"{name}: lossy mask with largest value {largest}: its two values are lost; save masks as PNG")
    distance = np.minimum(values, largest - values)
    if np.count_nonzero(distance > RINGING * largest) > RINGING_SHARE * values.size:
        raise DataError(f"{name}: looks like a photograph, not a mask of two values; check the mask folder")
    stray = int(np.count_nonzero((values != 0) & (values != 255)))
    mask = (values >= largest / 2).astype(np.uint8)
    return MaskReading(mask, MaskEncoding(storage, largest, mask.size, stray))


def _what_is_wrong(levels: list[int], storage: Storage, ignore_index: int | None) -> str:
    shown = ", ".join(map(str, levels[:6])) + (", ..." if len(levels) > 6 else "")
    found = f"mask holds the values {shown} ({len(levels)} in all)" if len(levels) > 6 else f"mask holds {shown}"
    if storage == "8-bit" and ignore_index is None and set(levels) in ({0, 1, 255}, {1, 255}):
        return f"{found}; if 255 marks pixels to ignore, set dataset.ignore_index: 255, else write 0 and 1 only"
    if len([level for level in levels if level not in (0, ignore_index)]) > 1:
        void = "" if ignore_index is not None else "; a value to ignore needs dataset.ignore_index"
        return f"{found}; it must hold 0 and one value for the class, 1 or 255{void}"
    return f"{found}; write the class as 1 or 255"
