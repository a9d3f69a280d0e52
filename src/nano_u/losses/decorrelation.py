"""Penalties on channels that repeat each other; deterministic, differentiable, the same eagerly and in a graph.

`covariance_redundancy` is DeCov: Cogswell et al., "Reducing overfitting in deep networks by decorrelating
representations", ICLR 2016. `correlation_redundancy` is its scale-free form.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nano_u.losses.channel_covariance import ChannelMoments, DataFormat, Spatial, channel_moments, channel_samples
from nano_u.redundancy.live_channels import DEAD_VARIANCE_SHARE
from nano_u.redundancy.spectrum import rank_tolerance

Metrics = dict[str, tf.Tensor]


def covariance_redundancy(
    activations: Any,
    normalize: bool = True,
    return_metrics: bool = False,
    *,
    spatial: Spatial = "pixels",
    data_format: DataFormat | None = None,
) -> Any:
    """DeCov of one layer, `0.5 * ||offdiag(covariance)||_F^2`, divided by the trace when `normalize`; a scalar >= 0.

    Scale-dependent: activations ten times larger give 10^4 times the value, 100 times when normalised. One channel, one
    sample and channels that do not vary give 0 with a gradient of 0.

    Args:
        activations: `(batch, ..., channels)` of rank 2 to 5; half-precision values are taken as float32.
        normalize: divide by the trace of the covariance.
        return_metrics: also return a dict of scalars without gradient, see `covariance_metrics`.
        spatial: every pixel is a sample, or with "mean" every image, averaged.
        data_format: "channels_last" or "channels_first"; by default Keras' own setting.

    Returns:
        The penalty, or `(penalty, metrics)`.

    Raises:
        ConfigError: an unknown `spatial` or `data_format`.
        ModelError: activations of another rank.
    """
    samples = channel_samples(activations, spatial=spatial, data_format=data_format)
    covariance = channel_moments(samples).covariance
    # In units of the largest variance, or fourth powers leave float32's range; the value does not depend on the unit.
    unit = tf.stop_gradient(tf.reduce_max(tf.linalg.diag_part(covariance)))
    relative = tf.math.divide_no_nan(covariance, unit)
    penalty = 0.5 * tf.reduce_sum(tf.square(_off_diagonal(relative)))
    penalty = unit * tf.math.divide_no_nan(penalty, tf.linalg.trace(relative)) if normalize else unit * unit * penalty
    if not return_metrics:
        return penalty
    # In float64: a graphics card multiplies float32 matrices with ten bits, far too few for a condition number.
    precise = channel_moments(tf.cast(tf.stop_gradient(samples), tf.float64))
    return penalty, {name: tf.cast(value, penalty.dtype) for name, value in covariance_metrics(precise).items()}


def correlation_redundancy(
    activations: Any, *, spatial: Spatial = "pixels", data_format: DataFormat | None = None
) -> tf.Tensor:
    """Mean squared correlation over distinct channel pairs, in [0, 1]: 0 = uncorrelated, 1 = all copies of one.

    Neither the scale nor the sign nor the mean of a channel matters, so a network cannot lower the value by shrinking
    its activations; the gradient with respect to a channel grows as its standard deviation falls. Pairs with a dead
    channel (the rule of `nano_u.redundancy`) count 0 and carry no gradient; a single channel gives 0. Arguments and
    errors are those of `covariance_redundancy`.
    """
    samples = channel_samples(activations, spatial=spatial, data_format=data_format)
    largest = tf.reduce_max(tf.abs(samples), axis=0)
    # So that squares stay in float32's range; correlation does not depend on it.
    samples /= tf.stop_gradient(tf.where(largest > 0, largest, tf.ones_like(largest)))
    correlation = _correlation(channel_moments(samples))
    channels = tf.cast(tf.shape(correlation)[0], correlation.dtype)
    total = tf.reduce_sum(tf.square(_off_diagonal(correlation)))
    return tf.minimum(tf.math.divide_no_nan(total, channels * (channels - 1)), 1)


def covariance_metrics(moments: ChannelMoments) -> Metrics:
    """Scalars `trace`, `off_diagonal_norm`, `condition_number`, `correlation_mean` and `correlation_std`.

    As `nano_u.redundancy` defines them, over live channels. Where that says None they are finite, so that they can be
    averaged over batches: correlations without a live pair are 0, the condition number without a live channel is 1.
    Activations that are not finite give NaN.
    """
    live = _live(moments)
    correlation = tf.clip_by_value(tf.abs(_correlation(moments)), 0, 1)
    pairs = _off_diagonal(tf.cast(live[:, tf.newaxis] & live, correlation.dtype))
    count = tf.reduce_sum(pairs)
    mean = tf.math.divide_no_nan(tf.reduce_sum(correlation * pairs), count)
    variance = tf.math.divide_no_nan(tf.reduce_sum(tf.square(correlation - mean) * pairs), count)
    return {
        "trace": tf.linalg.trace(moments.covariance),
        "off_diagonal_norm": tf.norm(_off_diagonal(moments.covariance)),
        "condition_number": _condition_number(moments.covariance, live),
        "correlation_mean": mean,
        "correlation_std": tf.sqrt(variance),
    }


def _condition_number(covariance: tf.Tensor, live: tf.Tensor) -> tf.Tensor:
    """Largest / smallest eigenvalue of the live channels, at most the reciprocal of the rank tolerance."""
    variance = tf.linalg.diag_part(covariance)
    # A dead channel becomes an independent one of the largest variance, which moves neither end of the spectrum.
    unit = tf.reduce_max(tf.where(live, variance, tf.zeros_like(variance)))
    relative = tf.where(live[:, tf.newaxis] & live, tf.math.divide_no_nan(covariance, unit), tf.zeros_like(covariance))
    relative = tf.linalg.set_diag(relative, tf.where(live, tf.linalg.diag_part(relative), tf.ones_like(variance)))
    finite = tf.reduce_all(tf.math.is_finite(covariance))
    identity = tf.eye(tf.shape(covariance)[0], dtype=covariance.dtype)
    eigenvalues = tf.linalg.eigvalsh(tf.where(finite, relative, identity))  # which raises on NaN
    alive = tf.reduce_sum(tf.cast(live, covariance.dtype))
    smallest = tf.maximum(eigenvalues[0], rank_tolerance(alive) * eigenvalues[-1])
    return tf.where(finite, eigenvalues[-1] / smallest, tf.constant(float("nan"), covariance.dtype))


def _correlation(moments: ChannelMoments) -> tf.Tensor:
    """`(channels, channels)`; rows and columns of dead channels are 0, with a gradient of 0."""
    live = _live(moments)
    variance = tf.linalg.diag_part(moments.covariance)
    inverse = tf.math.rsqrt(tf.where(live, variance, tf.ones_like(variance))) * tf.cast(live, variance.dtype)
    return moments.covariance * inverse[:, tf.newaxis] * inverse


def _live(moments: ChannelMoments) -> tf.Tensor:
    """Mask `(channels,)`: `nano_u.redundancy.live_channels`, to which NaN is alive, so that it comes through."""
    variance = tf.linalg.diag_part(moments.covariance)
    return ~(variance <= DEAD_VARIANCE_SHARE * (tf.square(moments.mean) + variance))


def _off_diagonal(matrix: tf.Tensor) -> tf.Tensor:
    return tf.linalg.set_diag(matrix, tf.zeros_like(tf.linalg.diag_part(matrix)))
