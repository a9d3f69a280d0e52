"""One layer's batch -> sums per group of images, as a graph that layers of equal shape share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import tensorflow as tf

from nano_u.capture.image_moments import ImageMoments, image_moments, samples_per_image
from nano_u.redundancy import GROUPS

GroupSums = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""(activation, treatment so far, images so far, window) -> (flat sums, treatment, images in the batch)."""


def group_sums(x: tf.Tensor, *, channels_first: bool, spatial: str, channels: tuple[int, ...] | None) -> GroupSums:
    """The function for activations shaped like `x`; tracing it is most of a monitor's start-up, so it is kept.

    The window is `(images to look at, images that the groups divide; 0 for those of the batch)`. Flat sums are, per
    group, samples, sums `(channels,)` and sums of products `(channels, channels)` of the treated samples, float64.
    """
    return _group_sums(tuple(x.shape), x.dtype, channels_first, spatial, channels)


@lru_cache(maxsize=512)
def _group_sums(
    shape: tuple[int | None, ...], dtype: tf.DType, channels_first: bool, spatial: str, channels: tuple[int, ...] | None
) -> GroupSums:
    del shape, dtype  # one traced graph for each

    def sums(
        activation: tf.Tensor, treatment: tf.Tensor, seen: tf.Tensor, window: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        x = samples_per_image(activation, channels_first=channels_first, spatial=spatial)
        if channels is not None:
            x = tf.gather(x, tf.constant(channels), axis=2)
        moments = image_moments(x, treatment, tf.equal(seen, 0))
        images, samples = tf.shape(x)[0], tf.shape(x)[1]
        return _grouped(moments, samples, _groups(images, seen, window)), moments.treatment, images

    function: GroupSums = tf.function(sums, autograph=False, experimental_attributes={"_noinline": True})
    return function


def _groups(images: tf.Tensor, seen: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Group of each image of a batch: contiguous blocks of the window; -1 (dropped) beyond its end."""
    capacity = tf.where(window[1] > 0, window[1], images)
    index = seen + tf.range(images)
    group = (index * GROUPS // capacity) % GROUPS
    return tf.where(index < window[0], group, -1)


def _grouped(moments: ImageMoments, samples: tf.Tensor, groups: tf.Tensor) -> tf.Tensor:
    """Counts, sums and products per group, flat."""
    images = tf.math.unsorted_segment_sum(tf.ones_like(groups, tf.float64), groups, GROUPS)
    sums = tf.math.unsorted_segment_sum(moments.sums, groups, GROUPS)
    products = tf.math.unsorted_segment_sum(moments.products, groups, GROUPS)
    return tf.concat([images * tf.cast(samples, tf.float64), tf.reshape(sums, [-1]), tf.reshape(products, [-1])], 0)
