"""int8 image batches as the bytes that a harness reads and writes."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nano_u.errors import DeployError

Shape = tuple[int, int, int]


def check_images(images: npt.NDArray[np.int8], shape: Shape | None = None) -> None:
    """Raise DeployError unless `images` is int8 `(n, height, width, channels)` with images of `shape`, if given."""
    if images.dtype != np.int8 or images.ndim != 4:
        raise DeployError(
            f"images must be int8 (n, height, width, channels), got {images.dtype} of shape {images.shape}"
        )
    if shape is not None and images.shape[1:] != shape:
        raise DeployError(f"images are {_text(images.shape[1:])}, the compiled network takes {_text(shape)}")


def images_of(content: bytes, count: int, shape: Shape, program: str) -> npt.NDArray[np.int8]:
    """int8 `(count, *shape)` from exactly that many bytes; DeployError names `program` when there are others."""
    expected = count * int(np.prod(shape))
    if len(content) != expected:
        raise DeployError(f"{program} wrote {len(content)} bytes of output for {count} images, expected {expected}")
    return np.frombuffer(content, np.int8).reshape(count, *shape)


def sha256_of(images: npt.NDArray[np.int8]) -> str:
    """SHA-256 of the values in C order: images from the first to the last, rows from top to bottom."""
    return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)
