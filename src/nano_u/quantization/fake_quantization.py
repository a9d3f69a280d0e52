"""Keras layers that round as the int8 network will, with gradients that pass through the rounding.

Straight-through estimator: Bengio et al. 2013; scheme and folding: Jacob et al. 2018, sections 2.1, 3 and 3.2.
"""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

STEPS = 255
"""Steps of an int8 activation's range."""

KERNEL_STEPS = 127
"""Steps of an int8 kernel on each side of zero: -128 is not used."""

SMALLEST_RANGE = 1e-6
"""Width below which an activation's range would have no usable scale."""

SMALLEST_KERNEL = 1e-9
"""Largest weight of a filter below which it counts as zero."""

Ranges = Literal["ema", "learned"]


@keras.saving.register_keras_serializable(package="nano_u")
class InputQuantizer(keras.layers.Layer):
    """Images in [0, 1] on the grid of bytes: scale 1/255, int8 zero point -128."""

    def call(self, inputs: Any) -> Any:
        """Round to whole 255ths; nothing before it learns, so there is no gradient to pass."""
        return tf.round(tf.clip_by_value(inputs, 0.0, 1.0) * float(STEPS)) / float(STEPS)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As the input's."""
        return input_shape


@keras.saving.register_keras_serializable(package="nano_u")
class ActivationQuantizer(keras.layers.Layer):
    """An activation on an int8 grid with one scale and zero point; called on several tensors, these share both.

    The range always holds zero. With `ranges="ema"` it follows the extremes of each training batch, `momentum` of the
    old range remaining; with "learned" its ends are trained (Jain et al. 2020). `rectified` fixes the lower end at 0.
    """

    def __init__(
        self, *, rectified: bool = False, ranges: Ranges = "ema", momentum: float = 0.95, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rectified, self.ranges, self.momentum = rectified, ranges, momentum

    def build(self, input_shape: Any) -> None:
        """Two scalars."""
        learned = self.ranges == "learned"
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=learned and not self.rectified)
        self.high = self.add_weight(name="high", shape=(), initializer="ones", trainable=learned)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Round to the grid; in training with "ema" the range moves first."""
        if training and self.trainable and self.ranges == "ema":
            self.observe(tf.stop_gradient(inputs), self.momentum)
        low, high = self._ends()
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high, num_bits=8)

    def observe(self, values: tf.Tensor, momentum: float = 0.0) -> None:
        """Move the range towards the extremes of `values`, `momentum` of it remaining."""
        if not self.rectified:
            low = tf.minimum(tf.reduce_min(values), 0.0)
            self.low.assign(momentum * self.low + (1.0 - momentum) * low)
        high = tf.maximum(tf.reduce_max(values), 0.0)
        self.high.assign(momentum * self.high + (1.0 - momentum) * high)

    def scale_and_zero_point(self) -> tuple[float, int]:
        """Of the int8 tensor: real = scale * (q - zero_point)."""
        low, high = (np.float32(end) for end in self._ends())
        scale = (high - low) / np.float32(STEPS)
        # As TensorFlow's kernel nudges the lower end onto the grid.
        nudged = min(max(int(np.floor(-low / scale + np.float32(0.5))), 0), STEPS)
        return float(scale), nudged - 128

    def _ends(self) -> tuple[tf.Tensor, tf.Tensor]:
        low = tf.zeros(()) if self.rectified else tf.minimum(tf.convert_to_tensor(self.low), 0.0)
        return low, tf.maximum(tf.convert_to_tensor(self.high), low + SMALLEST_RANGE)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As the input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        own = {"rectified": self.rectified, "ranges": self.ranges, "momentum": self.momentum}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="nano_u")
class QuantizedConvolution(keras.layers.Layer):
    """A convolution with int8 weights, symmetric, one scale per filter, and BatchNorm folded into them.

    Input and output `(batch, height, width, channels)`. Without `batch_norm` it has a kernel and a bias. With it the
    kernel that is rounded is that of the running statistics, and in training the result is corrected to the batch's
    own (Krishnamoorthi 2018, section 3.2.2), so that it can be trained from the first step.
    """

    def __init__(
        self,
        *,
        filters: int,
        window: tuple[int, int] = (1, 1),
        strides: tuple[int, int] = (1, 1),
        padding: Literal["same", "valid"] = "same",
        depthwise: bool = False,
        batch_norm: bool = False,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.depthwise = filters, depthwise
        self.window, self.strides, self.padding = (tuple(window), tuple(strides), padding)
        self.batch_norm, self.momentum, self.epsilon = batch_norm, momentum, epsilon

    def build(self, input_shape: Any) -> None:
        """Kernel `(height, width, channels, filters)`, depthwise `(height, width, channels, 1)`."""
        last = (self.filters, 1) if self.depthwise else (input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=(*self.window, *last), initializer="glorot_uniform")
        if not self.batch_norm:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
            return
        self.gamma = self.add_weight(name="gamma", shape=(self.filters,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(self.filters,), initializer="zeros")
        frozen = {"shape": (self.filters,), "trainable": False}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **frozen)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **frozen)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve with the rounded kernel and add the bias."""
        kernel, bias = self.folded()
        outputs = self._convolved(inputs, self._rounded(kernel))
        if not (self.batch_norm and training and self.trainable):
            return outputs + bias
        return self._corrected(outputs)

    def folded(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The kernel with one channel last axis per filter, `(height, width, [channels,] filters)`, and the bias."""
        kernel = tf.convert_to_tensor(self.kernel)
        kernel = kernel[..., 0] if self.depthwise else kernel
        if not self.batch_norm:
            return kernel, tf.convert_to_tensor(self.bias)
        gain = self._gain()
        return kernel * gain, self.beta - self.moving_mean * gain

    def integer_kernel(self) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
        """The kernel of `folded` as int8, and one scale per filter: exactly what `call` computes with."""
        kernel, _ = self.folded()
        scales = (2.0 * _largest(kernel) / (2.0 * KERNEL_STEPS)).numpy().astype(np.float32)
        steps = np.rint(self._rounded(kernel).numpy().astype(np.float64) / scales.astype(np.float64))
        return steps.astype(np.int8), scales

    def _gain(self) -> tf.Tensor:
        return self.gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)

    def _rounded(self, kernel: tf.Tensor) -> tf.Tensor:
        largest = tf.stop_gradient(_largest(kernel))
        flat = tf.reshape(kernel, (-1, self.filters))  # the per-channel kernel takes at most four axes
        rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            flat, -largest, largest, num_bits=8, narrow_range=True
        )
        return tf.reshape(rounded, tf.shape(kernel))

    def _convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        padding = self.padding.upper()
        if self.depthwise:
            strides = [1, *self.strides, 1]
            return tf.nn.depthwise_conv2d(inputs, kernel[..., tf.newaxis], strides, padding)
        return tf.nn.conv2d(inputs, kernel, self.strides, padding)

    def _corrected(self, outputs: tf.Tensor) -> tf.Tensor:
        """Batch statistics in place of the running ones, which also move."""
        gain = self._gain()
        safe = tf.where(tf.abs(gain) < SMALLEST_KERNEL, SMALLEST_KERNEL, gain)
        mean, variance = tf.nn.moments(outputs, axes=(0, 1, 2))
        raw_mean, raw_variance = mean / safe, variance / (safe * safe)
        # Before they move: the kernel was rounded with these.
        ratio = tf.math.sqrt(self.moving_variance + self.epsilon) * tf.math.rsqrt(raw_variance + self.epsilon)
        for moving, value in ((self.moving_mean, raw_mean), (self.moving_variance, raw_variance)):
            moving.assign(moving * self.momentum + tf.stop_gradient(value) * (1.0 - self.momentum))
        return (outputs - mean) * ratio + self.beta

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """TensorFlow's rule for windows."""
        sides = []
        for size, window, stride in zip(input_shape[1:3], self.window, self.strides, strict=True):
            span = size if self.padding == "same" else size - window + 1  # type: ignore[operator]
            sides.append(-(-span // stride))  # type: ignore[operator]
        return (input_shape[0], *sides, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        names = ("filters", "window", "strides", "padding", "depthwise", "batch_norm", "momentum", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _largest(kernel: tf.Tensor) -> tf.Tensor:
    """Largest absolute weight of every filter."""
    largest = tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1)))
    return tf.maximum(largest, SMALLEST_KERNEL)
