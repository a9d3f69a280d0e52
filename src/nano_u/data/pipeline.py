"""Batches for training and evaluation; batch k of epoch e is a pure function of (seed, e, k)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from nano_u.data.augmentation import PARAMETERS, augment
from nano_u.errors import DataError

if TYPE_CHECKING:
    from nano_u.config import AugmentationConfig
    from nano_u.data.image_set import ImageSet


Arrays = tuple[np.ndarray, np.ndarray]
"""Images (uint8, or float in [0, 1]) and masks (labels 0, 1 or 255) as arrays, in place of an ImageSet."""


PARALLEL_BATCHES = 2
"""Batches made at once and kept ready; one takes a twentieth of a training step."""


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Batches that cover `images` once; the last one may be smaller."""
    return math.ceil(images / batch_size)


def arrays_of(data: ImageSet | Arrays) -> Arrays:
    """Images and masks; DataError where there are not as many of the ones as of the others."""
    images, masks = data if isinstance(data, tuple) else (data.images, data.masks)
    if len(images) != len(masks):
        raise DataError(f"{len(images)} images but {len(masks)} masks")
    return images, masks


def training_batches(
    data: ImageSet | Arrays,
    *,
    batch_size: int,
    seed: int,
    augmentation: AugmentationConfig | None = None,
    first_epoch: int = 1,
    first_batch: int = 0,
    soft_targets: np.ndarray | None = None,
) -> tf.data.Dataset:
    """An endless dataset of (images float32 in [0, 1], masks float32) that starts at any (epoch, batch).

    Epochs count from 1, batches within an epoch from 0. Every epoch visits each image once in an order drawn from
    (seed, epoch); an image's augmentation is drawn from (seed, epoch, image). Jumping to (e, k) therefore yields the
    very batches that an uninterrupted run would have seen there.

    `soft_targets` `(images, height, width, channels)`, a teacher's logits in memory or mapped from a file, become
    further channels of the masks; geometric augmentation moves all three, changes of colour touch the image only.
    """
    images, masks = _tensors(data)
    count = int(images.shape[0])
    if count == 0:
        raise DataError("no training images")
    if batch_size < 1:
        raise DataError(f"batch_size must be at least 1, got {batch_size}")
    options = augmentation if augmentation is not None and augmentation.enabled else None
    soft_rows = None if soft_targets is None else _rows_of(soft_targets, count)

    def epoch_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        order = _permutation(count, seed, epoch)
        draws = tf.gather(_augmentation_draws(count, seed, epoch), order)
        return tf.data.Dataset.from_tensor_slices((order, draws)).batch(batch_size)

    def batch(indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, y = _as_floats(tf.gather(images, indices), tf.gather(masks, indices))
        soft = None if soft_rows is None else soft_rows(indices)
        if options is not None:
            return augment(x, y, draws, options, soft)
        return x, y if soft is None else tf.concat([y, soft], axis=-1)

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    indices = epochs.flat_map(epoch_indices).skip(first_batch)
    return _ahead(indices.map(batch, num_parallel_calls=PARALLEL_BATCHES, deterministic=True))


def batch_indices(images: int, *, batch_size: int, seed: int, epoch: int, batch: int) -> np.ndarray:
    """Which images batch `batch` (from 0) of epoch `epoch` (from 1) holds, in order."""
    order: np.ndarray = _permutation(images, seed, tf.constant(epoch, tf.int64)).numpy()
    return order[batch * batch_size : (batch + 1) * batch_size]


def evaluation_batches(
    data: ImageSet | Arrays, batch_size: int = 64, *, soft_targets: np.ndarray | None = None
) -> tf.data.Dataset:
    """(images float32 in [0, 1], masks float32) in the set's own order, once; `soft_targets` as in training."""
    images, masks = _tensors(data)
    if soft_targets is None:
        arrays = tf.data.Dataset.from_tensor_slices((images, masks)).batch(batch_size)
        return _ahead(arrays.map(_as_floats, num_parallel_calls=PARALLEL_BATCHES))
    rows = _rows_of(soft_targets, int(images.shape[0]))

    def batch(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x, y = _as_floats(tf.gather(images, indices), tf.gather(masks, indices))
        return x, tf.concat([y, rows(indices)], axis=-1)

    indices = tf.data.Dataset.range(int(images.shape[0])).batch(batch_size)
    return _ahead(indices.map(batch, num_parallel_calls=PARALLEL_BATCHES))


def _rows_of(soft_targets: np.ndarray, images: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from indices to rows as float32; an array that is mapped from a file is read row by row."""
    if len(soft_targets) != images:
        raise DataError(f"{images} images but soft targets for {len(soft_targets)}")
    if not isinstance(soft_targets, np.memmap):
        rows = tf.constant(soft_targets, tf.float32)  # TensorFlow's CPU kernels for half precision are slow
        return lambda indices: tf.gather(rows, indices)

    def read(indices: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(lambda chosen: np.asarray(soft_targets[chosen], np.float32), [indices], tf.float32)
        return tf.ensure_shape(found, (None, *soft_targets.shape[1:]))

    return read


def _ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetch, without tf.data's autotuning, whose thread sleeps on for seconds when an iteration has ended."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(PARALLEL_BATCHES).with_options(options)


def _tensors(data: ImageSet | Arrays) -> tuple[tf.Tensor, tf.Tensor]:
    images, masks = arrays_of(data)
    return tf.constant(images), tf.constant(masks)


def _as_floats(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    scale = 1.0 / 255.0 if images.dtype == tf.uint8 else 1.0
    return tf.cast(images, tf.float32) * scale, tf.cast(masks, tf.float32)


def _permutation(images: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(tf.range(images), seed=_stream(seed, epoch, 0))


def _augmentation_draws(images: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform((images, PARAMETERS), seed=_stream(seed, epoch, 1))


def _stream(seed: int, epoch: tf.Tensor, purpose: int) -> tf.Tensor:
    """A seed pair of its own for every (seed, epoch, purpose)."""
    return tf.stack([tf.constant(seed, tf.int64), epoch * 2 + purpose])
