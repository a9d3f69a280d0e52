"""First and second moments of one batch of activations, inside a TensorFlow graph.

float32 arithmetic with float64 sums. A channel whose mean is large against its spread, or whose values would overflow
or vanish when squared, is centred and scaled first; the others (a ReLU after BatchNorm, nearly always) are multiplied
as they are, which saves a pass over the activation. The gate is DESIGN's: |dS_ij| <= 1e-6 sqrt(S_ii S_jj).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

PREVIEW_IMAGES, PREVIEW_SAMPLES = 4, 16
"""Images, and samples of each, that decide whether a batch needs centring or scaling."""

HARMLESS_RATIO = 2.0
"""Up to this |mean| / standard deviation, float32 products need no centring."""

SAFE_POWERS = (1e-24, 1e24)
"""Mean squares of a channel between which squares and their sums stay well inside float32's range."""

SCALED = 2
"""The kind of treatment that divides channels by their scale."""

LONGEST_SUM = 256
"""Rows that are summed in float32 before float64 takes over."""

FEW_SAMPLES = 8
"""Samples of an image below which float64 costs nothing."""

FULL_ROW = 16
"""Numbers in a row from which matrix products are efficient."""


class ImageMoments(NamedTuple):
    """Sums of each image of a batch over its treated samples, `(value - origin) / scale` per channel."""

    treatment: tf.Tensor
    """`(1 + 2 * channels,)` float32: 0 = values as they are, 1 = centred, 2 = centred and scaled; origin; scale."""
    sums: tf.Tensor
    """`(batch, channels)` float64."""
    products: tf.Tensor
    """`(batch, channels, channels)` float64: sums of products."""


def samples_per_image(x: tf.Tensor, *, channels_first: bool, spatial: str) -> tf.Tensor:
    """`(batch, ...)` activations as `(batch, samples, channels)` float32; `spatial="mean"` leaves one sample each."""
    x = tf.cast(x, tf.float32)
    if channels_first and x.shape.rank > 2:
        x = tf.transpose(x, [0, *range(2, x.shape.rank), 1])
    if x.shape.rank != 3:
        samples = 1 if x.shape.rank == 2 else x.shape[1:-1].num_elements()
        x = tf.reshape(x, [-1, samples or tf.reduce_prod(tf.shape(x)[1:-1]), x.shape[-1]])
    return tf.reduce_mean(x, axis=1, keepdims=True) if spatial == "mean" else x


def treatment_size(channels: int) -> int:
    """Length of `ImageMoments.treatment`."""
    return 1 + 2 * channels


def image_moments(x: tf.Tensor, treatment: tf.Tensor | None = None, is_first: tf.Tensor | bool = True) -> ImageMoments:
    """Moments of every image of `(batch, samples, channels)` float32.

    The first batch of a window chooses the treatment; later ones take the same, so that their sums add up as they are.
    """
    chosen = _treatment(x) if treatment is None else tf.cond(is_first, lambda: _treatment(x), lambda: treatment)
    origin, scale = tf.split(chosen[1:], 2)
    ways = [lambda: tf.identity(x), lambda: x - origin, lambda: (x - origin) / scale]
    return ImageMoments(chosen, *_moments(tf.switch_case(tf.cast(chosen[0], tf.int32), ways)))


def _treatment(x: tf.Tensor) -> tf.Tensor:
    """What a few samples of a few images call for."""
    preview = x[:PREVIEW_IMAGES, :: _stride(x.shape[1])]
    mean = tf.reduce_mean(preview, axis=[0, 1])
    power = tf.reduce_mean(preview * preview, axis=[0, 1])
    low, high = SAFE_POWERS
    extreme = tf.reduce_any((power > high) | ((power < low) & (mean != 0)))  # the square itself may have vanished
    ratio = HARMLESS_RATIO**2
    lopsided = tf.reduce_any((1 + ratio) * mean * mean > ratio * power)
    kind = tf.where(extreme, float(SCALED), tf.cast(lopsided, tf.float32))
    origin = tf.where((kind > 0) & tf.math.is_finite(mean), mean, tf.zeros_like(mean))
    largest = tf.reduce_max(tf.abs(preview - origin), axis=[0, 1])
    scale = tf.where((kind > 1) & (largest > 0) & tf.math.is_finite(largest), largest, tf.ones_like(largest))
    return tf.concat([[kind], origin, scale], 0)


def _moments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`(batch, channels)` sums and `(batch, channels, channels)` sums of products over samples, float64.

    A long float32 sum of equal values drifts by parts in a million; short ones, added in float64, do not. Matrix
    products waste most of their time on a few channels, so several samples of those make one row; of the products
    between all its entries, those of each sample with itself are kept.
    """
    samples, channels = x.shape[1], x.shape[2]
    if samples is None:
        return tf.reduce_sum(tf.cast(x, tf.float64), axis=1), tf.cast(tf.matmul(x, x, transpose_a=True), tf.float64)
    if samples < FEW_SAMPLES:
        wide = tf.cast(x, tf.float64)
        return tf.reduce_sum(wide, axis=1), tf.matmul(wide, wide, transpose_a=True)
    packed = _divisor(samples, FULL_ROW // channels)
    rows = samples // packed
    length = _divisor(rows, LONGEST_SUM)
    parts = tf.reshape(x, [-1, length, packed * channels])
    sums = tf.cast(tf.reduce_sum(parts, axis=1), tf.float64)
    products = tf.matmul(parts, parts, transpose_a=True)
    own = [slice(start, start + channels) for start in range(0, packed * channels, channels)]
    products = tf.cast(tf.add_n([products[:, block, block] for block in own]), tf.float64)
    sums = tf.reduce_sum(tf.reshape(sums, [-1, rows // length * packed, channels]), axis=1)
    return sums, tf.reduce_sum(tf.reshape(products, [-1, rows // length, channels, channels]), axis=1)


def _stride(samples: int | None) -> int:
    """From one looked-at sample to the next; prime to their number, so that it does not walk down an image's border."""
    if samples is None:
        return 1
    stride = max(1, samples // PREVIEW_SAMPLES)
    return next(size for size in range(stride, 2 * stride + 2) if math.gcd(size, samples) == 1)


def _divisor(number: int, limit: int) -> int:
    """The largest divisor up to `limit`, at least 1."""
    return max((size for size in range(1, limit + 1) if number % size == 0), default=1)
