"""A gallery to a file and back: small arrays and names, so that pages can be made later without model and data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from nano_u.errors import RunError
from nano_u.evaluation.gallery import Gallery, GalleryImage, Role
from nano_u.runs import atomic_path, unpack_npz

MAX_BYTES = 256 * 1024 * 1024
"""No gallery comes near it, packed or unpacked; a larger file is something else and would fill the memory."""

_TYPES: Mapping[str, tuple[str, int]] = {
    "names": ("U", 1),
    "groups": ("U", 1),
    "roles": ("U", 1),
    "iou": ("f", 1),
    "wrong_pixels": ("i", 1),
    "images": ("u", 4),
    "truths": ("u", 3),
    "predictions": ("b", 3),
    "candidates": ("i", 0),
    "threshold": ("f", 0),
    "neighbours_skipped": ("b", 0),
}
"""Kind of NumPy's dtype and number of dimensions of every array."""


def save_gallery(path: Path, gallery: Gallery) -> None:
    """Write the gallery as `.npz`, whole or not at all; it has at least one image."""
    images = gallery.images
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            allow_pickle=False,
            names=np.array([image.name for image in images], np.str_),
            groups=np.array([image.group for image in images], np.str_),
            roles=np.array([image.role for image in images], np.str_),
            iou=np.array([np.nan if image.iou is None else image.iou for image in images], np.float64),
            wrong_pixels=np.array([image.wrong_pixels for image in images], np.int64),
            images=np.stack([image.image for image in images]),
            truths=np.stack([image.truth for image in images]),
            predictions=np.stack([image.prediction for image in images]),
            candidates=np.int64(gallery.candidates),
            threshold=np.float64(gallery.threshold),
            neighbours_skipped=np.bool_(gallery.neighbours_skipped),
        )


def load_gallery(path: Path) -> Gallery:
    """Read a gallery back; RunError where the file is missing, damaged or not one."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        return _gallery(_checked(unpack_npz(path.read_bytes(), max_bytes=MAX_BYTES)))
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file; `nano-u evaluate` writes it") from error
    except (ValueError, KeyError, OSError) as error:
        raise RunError(f"{path}: damaged or not a gallery; run `nano-u evaluate` again") from error


def _checked(arrays: Mapping[str, npt.NDArray[Any]]) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays that a gallery has, each of its kind."""
    for name, expected in _TYPES.items():
        if (arrays[name].dtype.kind, arrays[name].ndim) != expected:
            raise ValueError(f"{name} holds {arrays[name].ndim} dimensions of {arrays[name].dtype}")
    return arrays


def _gallery(arrays: Mapping[str, npt.NDArray[Any]]) -> Gallery:
    iou, images, truths, predictions = (arrays[name] for name in ("iou", "images", "truths", "predictions"))
    count, height, width = truths.shape
    if not count or images.shape != (count, height, width, 3) or predictions.shape != (count, height, width):
        raise ValueError("pictures of different shapes")
    if images.dtype != np.uint8 or truths.dtype != np.uint8:
        raise ValueError("pictures that are not uint8")
    if not set(arrays["roles"].tolist()) <= set(get_args(Role)) or np.any((iou < 0) | (iou > 1)):
        raise ValueError("a role or an IoU that cannot be")
    lists = (arrays[name].tolist() for name in ("names", "groups", "roles", "iou", "wrong_pixels"))
    chosen = tuple(
        GalleryImage(name, group, role, None if np.isnan(iou) else iou, wrong, image, truth, prediction)
        for name, group, role, iou, wrong, image, truth, prediction in zip(
            *lists, images, truths, predictions, strict=True
        )
    )
    return Gallery(chosen, int(arrays["candidates"]), float(arrays["threshold"]), bool(arrays["neighbours_skipped"]))
