"""Two registered layers that train faster than Keras' own and export as one TensorFlow Lite operator each."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="nano_u")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis through TensorFlow's fused kernel.

    Same weights, configuration and results as `keras.layers.BatchNormalization`, which computes moments and
    normalisation as separate operators and costs most of a small network's training step. Input
    `(batch, height, width, channels)`; anything the fused kernel does not cover (other axes or ranks, masks, renorm,
    synchronised statistics, frozen or inference mode) takes Keras' own path.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise `inputs`; in training also move the running statistics."""
        fused = (
            training
            and self.trainable
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not self.renorm
            and not self.synchronized
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, sample_variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        shape = tf.shape(inputs)
        count = tf.cast(shape[0] * shape[1] * shape[2], sample_variance.dtype)
        # The kernel's running variance is Bessel-corrected, Keras' is not.
        variance = sample_variance * (count - 1.0) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="nano_u")
class UpsampleNearest(keras.layers.Layer):
    """Repeats every row and column an integer number of times: `(b, h, w, c) -> (b, h*size[0], w*size[1], c)`.

    Equal to a nearest `keras.layers.Resizing`, by which deployment replaces it: one RESIZE_NEAREST_NEIGHBOR.
    """

    def __init__(self, size: tuple[int, int] = (2, 2), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = (int(size[0]), int(size[1]))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Repeat rows and columns."""
        if training:
            return _average_pool_gradient(inputs, self.size)
        _, height, width, _ = inputs.shape
        return tf.image.resize(inputs, (height * self.size[0], width * self.size[1]), method="nearest")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Height and width times `size`."""
        batch, height, width, channels = input_shape
        return (batch, height * self.size[0], width * self.size[1], channels)  # type: ignore[operator]

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "size": self.size}


def _average_pool_gradient(inputs: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Each value, spread over its cell: the gradient of an average pool, times the cell, is the nearest resize.

    To a rounding, where the cell's area is no power of two. Its own gradient is that pool. TensorFlow's gradient of the
    nearest resize has no XLA kernel and that of a broadcast takes ten times longer on a CPU; `tf.custom_gradient` keeps
    the graph of every training that ever used it.
    """
    _, height, width, channels = inputs.shape
    cell = [1, *size, 1]
    return tf.raw_ops.AvgPoolGrad(
        orig_input_shape=[tf.shape(inputs)[0], height * size[0], width * size[1], channels],
        grad=inputs * (size[0] * size[1]),
        ksize=cell,
        strides=cell,
        padding="VALID",
    )
