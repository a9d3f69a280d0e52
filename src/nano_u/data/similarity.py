"""How alike images of different splits are: exact copies by hash, near copies by the distance of small thumbnails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from nano_u.data.spread import spread_indices

THUMBNAIL_SIDE = 16
CHUNK = 2048  # queries compared at once, so that memory stays small

Thumbnails = npt.NDArray[np.uint8]
"""Gray thumbnails as rows: (images, THUMBNAIL_SIDE * THUMBNAIL_SIDE)."""


def thumbnail(rgb: Image.Image) -> Thumbnails:
    """One row of 16x16 gray levels, area averages."""
    small = rgb.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    return np.asarray(small.convert("L")).reshape(-1)


def nearest_distances(queries: Thumbnails, references: Thumbnails) -> npt.NDArray[np.float32]:
    """Root mean square difference, in gray levels of 255, from each query to the reference nearest to it."""
    wanted, known = queries.astype(np.float32), references.astype(np.float32)
    lengths = np.square(known).sum(axis=1)
    nearest: npt.NDArray[np.float32] = np.empty(len(wanted), np.float32)
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        squared = np.square(part).sum(axis=1)[:, None] + lengths - 2 * part @ known.T
        nearest[start : start + CHUNK] = np.maximum(squared.min(axis=1), 0)
    return np.asarray(np.sqrt(nearest / max(known.shape[1], 1)), np.float32)


def distances_between_groups(
    thumbnails: Thumbnails, groups: Sequence[str], *, most: int = 4000
) -> dict[str, npt.NDArray[np.float32]]:
    """By group, the distance from its images to the nearest one of another group: what is no near copy looks so.

    Empty where there is one group only. Of more than `most` images, evenly spaced ones are asked.
    """
    labels = np.asarray(groups)
    if len(set(groups)) < 2:
        return {}
    asked = spread_indices(len(labels), most)
    return {
        group: nearest_distances(thumbnails[asked[labels[asked] == group]], thumbnails[labels != group])
        for group in dict.fromkeys(labels[asked].tolist())
    }


def repeated(keys: Iterable[bytes]) -> tuple[tuple[int, ...], ...]:
    """Positions that share a key, for every key that occurs more than once."""
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return tuple(tuple(found) for found in places.values() if len(found) > 1)
