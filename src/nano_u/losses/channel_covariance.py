"""Activations as samples of their channels, and the covariance of those, inside a differentiable graph."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from nano_u.errors import ConfigError, ModelError

Spatial = Literal["pixels", "mean"]
DataFormat = Literal["channels_last", "channels_first"]

RANKS = range(2, 6)
"""`(batch, channels)` to `(batch, depth, height, width, channels)`."""


class ChannelMoments(NamedTuple):
    """`mean` `(channels,)` and population covariance `(channels, channels)` of samples."""

    mean: tf.Tensor
    covariance: tf.Tensor


def channel_samples(
    activations: Any, *, spatial: Spatial = "pixels", data_format: DataFormat | None = None
) -> tf.Tensor:
    """`(batch, ..., channels)` as `(samples, channels)`: every pixel a sample, or every image with `spatial="mean"`.

    float64 stays; every other type becomes float32. `data_format` None is Keras' own setting.

    Raises:
        ConfigError: an unknown `spatial` or `data_format`.
        ModelError: activations of another rank than 2 to 5.
    """
    check_layout(spatial, data_format)
    x = tf.convert_to_tensor(activations)
    rank = x.shape.rank
    if rank not in RANKS:
        raise ModelError(f"activations must be (batch, ..., channels) of rank 2 to 5, got shape {x.shape}")
    if x.dtype != tf.float64:
        x = tf.cast(x, tf.float32)
    if (data_format or keras.config.image_data_format()) == "channels_first":
        x = tf.transpose(x, [0, *range(2, rank), 1])
    if spatial == "mean" and rank > 2:
        x = tf.reduce_mean(x, axis=list(range(1, rank - 1)))
    return tf.reshape(x, [-1, tf.shape(x)[-1] if x.shape[-1] is None else x.shape[-1]])


def check_layout(spatial: str, data_format: str | None) -> None:
    """Raise ConfigError for an unknown option."""
    if spatial not in ("pixels", "mean"):
        raise ConfigError(f"spatial must be 'pixels' or 'mean', got {spatial!r}")
    if data_format not in (None, "channels_last", "channels_first"):
        raise ConfigError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")


def channel_moments(samples: tf.Tensor) -> ChannelMoments:
    """Moments of `(samples, channels)`, in their own type; zeros without samples.

    Two passes: what rounding left of the mean is taken off again, so that a mean of a thousand standard deviations
    costs no digits. The first origin carries no gradient, which changes nothing: covariance does not depend on it.
    """
    count = tf.cast(tf.maximum(tf.shape(samples)[0], 1), samples.dtype)
    origin = tf.stop_gradient(tf.reduce_sum(samples, axis=0) / count)
    shifted = samples - origin
    rest = tf.reduce_sum(shifted, axis=0) / count
    centred = shifted - rest
    return ChannelMoments(origin + rest, tf.matmul(centred, centred, transpose_a=True) / count)
