"""Do the statistics that BatchNorm uses in inference describe what it is given? Seen in the validation pass itself.

In training BatchNorm's output has mean beta and variance gamma^2 by construction. In inference it has them only where
the running statistics have settled, so the two modes of a network disagree by as much as its BatchNorm outputs miss
them. A few images at every second pixel tell, since the fault that matters is a factor, not a per cent.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nano_u.capture.image_moments import samples_per_image
from nano_u.capture.recorder import Call, ForwardPass
from nano_u.capture.replicated import assign, per_replica, replicated
from nano_u.capture.selection import Selection

IMAGES, STRIDE = 4, 5
"""Looked at: so many images of a batch, and every so many-th of their pixels."""

LAYERS = 4
"""Looked at, spread over the network: a momentum too high for the number of steps unsettles all of them."""

UNSETTLED_MEAN = 1.0
"""Distance of a channel's mean from beta, in units of gamma, from which the modes disagree about it."""

UNSETTLED_VARIANCE = 9.0
"""Factor between a channel's variance and gamma^2 from which they do."""

UNSETTLED_SHARE = 0.5
"""Share of a layer's channels that must disagree before the layer is named."""


class BatchNormWatch:
    """Measures, once per window, the share of a BatchNorm layer's channels that training mode would change."""

    def __init__(self, selection: Selection) -> None:
        self._layers = {
            id(entry.layer): entry.path
            for entry in selection.entries
            if isinstance(entry.layer, keras.layers.BatchNormalization)
        }
        self._names: tuple[str, ...] = ()
        self._shares: tf.Variable | None = None
        self._armed: tf.Variable | None = None

    def arm(self) -> None:
        """Look at the next batch."""
        if self._armed is not None:
            assign(self._armed, np.array(True))

    def observe(self, forward: ForwardPass) -> None:
        """Add the measurement to the graph of an inference pass."""
        calls = [call for call in forward.calls if id(call.entry.layer) in self._layers and call.outputs]
        spread = np.unique(np.linspace(0, len(calls) - 1, LAYERS).astype(int)) if calls else ()
        calls = [calls[index] for index in spread]
        names = tuple(self._layers[id(call.entry.layer)] for call in calls)
        if not calls:
            return
        if self._shares is None or self._armed is None:
            self._names = names
            self._shares = replicated(np.zeros(len(names)))
            self._armed = replicated(np.array(True))
        if names != self._names:
            return
        shares, armed = self._shares, self._armed
        tf.cond(armed, lambda: _measure(calls, shares, armed), lambda: tf.constant(0))

    def unsettled(self) -> tuple[str, ...]:
        """Layers most of whose channels have another distribution in inference than in training."""
        if self._shares is None:
            return ()
        shares = np.mean(per_replica(self._shares), axis=0)
        return tuple(name for name, share in zip(self._names, shares, strict=True) if share >= UNSETTLED_SHARE)


def _measure(calls: Sequence[Call], shares: tf.Variable, armed: tf.Variable) -> tf.Tensor:
    """All layers' channels side by side: one comparison for the whole network."""
    samples = [_few_samples(call) for call in calls]
    mean = tf.concat([tf.reduce_mean(x, axis=[0, 1]) for x in samples], 0)
    power = tf.concat([tf.reduce_mean(x * x, axis=[0, 1]) for x in samples], 0)
    gamma = tf.concat([_parameter(call, "gamma", x.shape[-1], 1.0) for call, x in zip(calls, samples, strict=True)], 0)
    beta = tf.concat([_parameter(call, "beta", x.shape[-1], 0.0) for call, x in zip(calls, samples, strict=True)], 0)
    variance, square = power - mean * mean, gamma * gamma
    off_mean = tf.square(mean - beta) > UNSETTLED_MEAN**2 * square
    off_spread = (variance > UNSETTLED_VARIANCE * square) | (variance * UNSETTLED_VARIANCE < square)
    scaled = tf.cast(square > 0, tf.float64)
    layer = tf.constant(np.repeat(np.arange(len(calls)), [x.shape[-1] for x in samples]))
    disagreeing = tf.math.unsorted_segment_sum(tf.cast(off_mean | off_spread, tf.float64) * scaled, layer, len(calls))
    shares.assign(tf.math.divide_no_nan(disagreeing, tf.math.unsorted_segment_sum(scaled, layer, len(calls))))
    armed.assign(False)
    return tf.constant(0)


def _few_samples(call: Call) -> tf.Tensor:
    layer, x = call.entry.layer, call.outputs[0]
    first = layer.axis == 1 and x.shape.rank > 2
    return samples_per_image(x[:IMAGES], channels_first=first, spatial="pixels")[:, ::STRIDE]


def _parameter(call: Call, name: str, channels: int, otherwise: float) -> tf.Tensor:
    value = getattr(call.entry.layer, name)
    return tf.fill([channels], otherwise) if value is None else tf.cast(value, tf.float32)
