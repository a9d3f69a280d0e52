"""A teacher's logits, computed once per image and kept."""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from nano_u.data import as_floats
from nano_u.errors import ConfigError, DataError
from nano_u.runs import atomic_path

logger = logging.getLogger(__name__)

LARGEST_IN_MEMORY_BYTES = 256 * 1024 * 1024
"""Above this the logits stay on disk and are mapped into memory page by page."""

BATCH_SIZE = 64
LARGEST_LOGIT = 6.0e4
"""float16 ends at 65,504; a logit of this size is as sure as any."""

Progress = Callable[[int, int], None]


def teacher_logits(
    teacher: keras.Model, images: np.ndarray, *, folder: Path | None = None, progress: Progress | None = None
) -> np.ndarray:
    """float16 `(images, height, width, channels)` logits of `teacher` in inference mode, which is not changed.

    `images` are uint8, or float in [0, 1]. In `folder` they are kept under a name that follows from the teacher's
    weights, its configuration and the images, and read from there the next time; without one, or where it cannot be
    written, they are kept in memory. Large ones are mapped from the file.

    Raises:
        ConfigError: the teacher's logits are NaN or infinite.
        DataError: there are no images.
    """
    if not len(images):
        raise DataError("no images to ask the teacher about")
    shape = (len(images), *teacher.output_shape[1:])
    if folder is None:
        return _in_memory(teacher, images, progress)
    path = folder / f"teacher_logits-{_fingerprint(teacher, images)}.npy"
    if not _is_whole(path, shape):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(path, shape, _answers(teacher, images, progress))
        except OSError as error:
            logger.warning("%s: the teacher's logits cannot be kept (%s); computing them again", path, error.strerror)
            return _in_memory(teacher, images, progress)
    large = path.stat().st_size > LARGEST_IN_MEMORY_BYTES
    found: np.ndarray = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    return found


def _in_memory(teacher: keras.Model, images: np.ndarray, progress: Progress | None) -> np.ndarray:
    return np.concatenate(list(_answers(teacher, images, progress)))


def _write(path: Path, shape: tuple[int, ...], answers: Iterator[np.ndarray]) -> None:
    """Batch by batch through an ordinary file: a mapped one kills the process where the disk is full."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False, "shape": shape}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_2_0(file, header)
        for answer in answers:
            file.write(answer.tobytes())


def _answers(teacher: keras.Model, images: np.ndarray, progress: Progress | None) -> Iterator[np.ndarray]:
    """float16 logits of one batch after the other."""
    for start in range(0, len(images), BATCH_SIZE):
        batch = images[start : start + BATCH_SIZE]
        logits = np.asarray(teacher.predict_on_batch(as_floats(batch)), np.float32)
        if not np.isfinite(logits).all():
            raise ConfigError(f"teacher {teacher.name}: its logits are NaN or infinite; it cannot teach")
        yield np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float16)
        if progress is not None:
            progress(min(start + BATCH_SIZE, len(images)), len(images))


def _fingerprint(teacher: keras.Model, images: np.ndarray) -> str:
    digest = hashlib.sha256(json.dumps(teacher.get_config(), sort_keys=True, default=str).encode())
    for weight in teacher.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    digest.update(f"{images.dtype}{images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:24]


def _is_whole(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether the file is there and holds what its name promises; a damaged one is made anew."""
    if not path.is_file():
        return False
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, zlib.error):
        return False
    return bool(found.shape == shape and found.dtype == np.float16)
