"""Models with a layer that breaks an assumption: tuples, losses of its own, random draws, other dtypes and formats."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from tests.monitoring.zoo.probes import at_layers, probe
from tests.monitoring.zoo.style import ModelStyle, images, masks


class SignSplit(layers.Layer):
    """Positive and negative part as two outputs."""

    def call(self, x: Any) -> tuple[Any, Any]:
        return keras.ops.relu(x), keras.ops.relu(-x)


class ActivityPenalty(layers.Layer):
    """Passes its input on and adds its mean square to the model's losses."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(x)))
        return x * 1.0


def _tuple_output() -> keras.Model:
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(3, 3, padding="same", name="conv1")(inputs)
    positive, negative = SignSplit(name="split")(x)
    x = layers.Add(name="sum")(
        [layers.Conv2D(2, 1, name="left")(positive), layers.Conv2D(2, 1, name="right")(negative)]
    )
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="tuple_output")


def _tuple_output_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    positive, negative = model.get_layer("split").output
    tensors = {
        "split:0": positive,
        "split:1": negative,
        "sum": model.get_layer("sum").output,
        "logits": model.output,
    }
    return probe(model, tensors, x, training)


def _dropout() -> keras.Model:
    """Dropout returns its very input in inference mode, another tensor in training."""
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.Dropout(0.3, seed=5, name="drop1")(x)
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv2")(x)
    x = layers.SpatialDropout2D(0.2, name="drop2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="dropout")


def _own_losses() -> keras.Model:
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", activation="relu", name="conv1")(inputs)
    x = ActivityPenalty(name="penalty")(x)
    regularizer = keras.regularizers.L1(1e-3)
    x = layers.Conv2D(3, 3, padding="same", activation="relu", activity_regularizer=regularizer, name="conv2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="own_losses")


def _mixed_precision() -> keras.Model:
    """bfloat16 activations, float32 weights and logits; the first layer casts the images."""
    policy = keras.DTypePolicy("mixed_bfloat16")
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, dtype=policy, name="conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.9, dtype=policy, name="bn1")(x)
    x = layers.ReLU(dtype=policy, name="relu1")(x)
    x = layers.Conv2D(3, 1, activation="relu", dtype=policy, name="conv2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, dtype="float32", name="logits")(x), name="mixed_precision")


def _channels_first() -> keras.Model:
    first = {"data_format": "channels_first"}
    inputs = keras.Input((3, 12, 12), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1", **first)(inputs)
    x = layers.BatchNormalization(axis=1, momentum=0.9, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    x = layers.MaxPooling2D(name="pool1", **first)(x)
    x = layers.Conv2D(5, 1, activation="relu", name="conv2", **first)(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits", **first)(x), name="channels_first")


STYLES = (
    ModelStyle(
        "tuple_output",
        _tuple_output,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _tuple_output_activations,
        selection={"split:0": True, "split:1": True, "sum": True},
    ),
    ModelStyle(
        "dropout",
        _dropout,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        at_layers("conv1", "drop1", "conv2", "drop2", "logits"),
        selection={"conv1": True, "conv2": True},
        training_selection={"conv1": False, "drop1": True, "conv2": False, "drop2": True},
    ),
    ModelStyle(
        "own_losses",
        _own_losses,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        at_layers("conv1", "penalty", "conv2", "logits"),
        selection={"conv1": False, "penalty": True, "conv2": True},
    ),
    ModelStyle(
        "mixed_precision",
        _mixed_precision,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        at_layers("relu1", "conv2", "logits"),
        selection={"relu1": True, "conv2": True},
        tolerance=1e-2,
    ),
    ModelStyle(
        "channels_first",
        _channels_first,
        lambda: (images(3, 12, 12), masks(1, 6, 6)),
        at_layers("relu1", "pool1", "conv2", "logits"),
        selection={"relu1": False, "pool1": True, "conv2": True},
        channel_axis=1,
    ),
)
