"""Decorrelation of a layer's output channels as a Keras `activity_regularizer`."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state

from nano_u.errors import ConfigError, ModelError
from nano_u.losses.channel_covariance import DataFormat, Spatial, check_layout
from nano_u.losses.layer_decorrelation import Penalty, check_penalty, layer_penalty
from nano_u.losses.warm_up import on_gradient, warmed_up


@keras.saving.register_keras_serializable(package="nano_u")
class FeatureDecorrelationRegularizer(keras.Regularizer, tf.Module):
    """Adds `weight` times the redundancy of a layer's output channels to the loss; any layer's `activity_regularizer`.

    The weight rises linearly from 0 at the first training step to its full size after `warmup_steps` of them. A
    training step is one gradient taken through the penalty: inference, validation and forward passes alone do not
    advance the warm-up, in whatever way the model is written. Validation losses contain the penalty at the weight
    reached so far.

    Keras divides what an activity regularizer returns by the batch size. Inside a layer the value is multiplied by it
    beforehand, so that the loss gains exactly `weight * redundancy` at any batch size. Called directly, outside any
    layer, the object returns that product itself and the call counts as a training step.

    The step count is part of the configuration: it survives `model.save` and `clone_model`, not `save_weights`. Give
    every layer an instance of its own, or the steps of all its layers are counted together. A kernel has no samples to
    correlate: as a kernel or bias regularizer it refuses.

    Args:
        weight: of the penalty in the loss, >= 0.
        warmup_steps: training steps until the full weight; None or 0 for the full weight at once.
        penalty: "covariance" (DeCov divided by the trace) or "correlation" (scale-free, in [0, 1]).
        spatial: every pixel is a sample, or with "mean" every image, averaged.
        data_format: "channels_last" or "channels_first"; by default Keras' own setting.
        step: training steps already taken.

    Raises:
        ConfigError: an argument out of range.
        ModelError: when used on a variable, or on activations of a rank outside 2 to 5.
    """

    def __init__(
        self,
        weight: float,
        warmup_steps: int | None = None,
        *,
        penalty: Penalty = "covariance",
        spatial: Spatial = "pixels",
        data_format: DataFormat | None = None,
        step: int = 0,
    ) -> None:
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"weight must be finite and not negative, got {weight}")
        if (warmup_steps or 0) < 0 or step < 0:
            raise ConfigError(f"warmup_steps and step must not be negative, got {warmup_steps} and {step}")
        check_penalty(penalty)
        check_layout(spatial, data_format)
        super().__init__()
        self.weight = float(weight)
        self.warmup_steps = warmup_steps
        self.penalty = penalty
        self.spatial = spatial
        self.data_format = data_format
        with tf.init_scope():
            # As a tf.Module this object is tracked by its layer, without which tf.saved_model refuses the variable.
            self._steps = tf.Variable(
                step,
                trainable=False,
                dtype=tf.int64,
                name="decorrelation_steps",
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

    @property
    def step(self) -> int:
        """Training steps taken so far."""
        with tf.init_scope():
            return int(self._steps.numpy())

    def __call__(self, x: Any) -> tf.Tensor:
        """The weighted redundancy of `x` `(batch, ..., channels)`, times the batch size inside a layer."""
        if isinstance(x, keras.Variable):
            raise ModelError(
                f"FeatureDecorrelationRegularizer decorrelates activations, not the variable {x.path!r}; "
                "pass it as activity_regularizer="
            )
        x = tf.convert_to_tensor(x)
        redundancy = layer_penalty(
            x, penalty=self.penalty, normalize=True, spatial=self.spatial, data_format=self.data_format
        )
        weight = warmed_up(self.weight, self._steps, self.warmup_steps)
        value = tf.cast(weight, redundancy.dtype) * redundancy
        if _inside_a_layer():
            return on_gradient(value, self._count_step) * tf.cast(tf.shape(x)[0], value.dtype)
        self._count_step()
        return value

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving, with the steps taken so far."""
        return {
            "weight": self.weight,
            "warmup_steps": self.warmup_steps,
            "penalty": self.penalty,
            "spatial": self.spatial,
            "data_format": self.data_format,
            "step": self.step,
        }

    def _count_step(self) -> None:
        self._steps.assign_add(1)


def _inside_a_layer() -> bool:
    """Whether Keras is running a layer; it has no public way to ask."""
    return global_state.get_global_attribute("current_call_ctx") is not None
