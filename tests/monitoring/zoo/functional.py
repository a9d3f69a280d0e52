"""Functional and Sequential models."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from tests.monitoring.zoo.probes import at_layers, chain, layer_outputs, probe
from tests.monitoring.zoo.style import ModelStyle, images, masks


def _functional() -> keras.Model:
    inputs = x = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(momentum=0.9, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.Conv2D(3, 1, use_bias=False, name="conv2")(x)
    x = layers.BatchNormalization(momentum=0.9, name="bn2")(x)
    x = layers.LeakyReLU(name="relu2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="plain")


def _sequential_layers() -> list[keras.layers.Layer]:
    return [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1"),
        layers.MaxPooling2D(name="pool1"),
        layers.BatchNormalization(momentum=0.9, name="bn1"),
        layers.Conv2D(3, 3, padding="same", activation="gelu", name="conv2"),
        layers.GlobalAveragePooling2D(name="pool2"),
        layers.Dense(1, name="logits"),
    ]


def _sequential() -> keras.Model:
    return keras.Sequential([keras.Input((12, 12, 3), name="image"), *_sequential_layers()], name="sequential")


def _sequential_without_shape() -> keras.Model:
    return keras.Sequential(_sequential_layers(), name="late")


def _sequential_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    return chain(model.layers, x, training)


def _shared_layer() -> keras.Model:
    """One convolution and one ReLU, both called twice."""
    inputs = keras.Input((12, 12, 3), name="image")
    shared, relu = layers.Conv2D(3, 3, padding="same", name="shared"), layers.ReLU(name="relu")
    once = relu(shared(inputs))
    twice = relu(shared(once))
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(twice), name="shared_layer")


def _shared_layer_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    shared, relu = model.get_layer("shared"), model.get_layer("relu")
    once = relu(shared(x))
    twice = relu(shared(once))
    return {"relu": once, "relu#2": twice, "logits": model.get_layer("logits")(twice)}


def _outputs_in_dictionary() -> keras.Model:
    inputs = keras.Input((12, 12, 3), name="image")
    trunk = layers.Conv2D(4, 3, padding="same", activation="relu", name="trunk")(inputs)
    pooled = layers.GlobalAveragePooling2D(name="pool")(trunk)
    outputs = {
        "mask": layers.Conv2D(1, 1, activation="sigmoid", name="mask")(trunk),
        "label": layers.Dense(3, name="label")(pooled),
    }
    return keras.Model(inputs, outputs, name="two_heads")


def _inputs_in_dictionary() -> keras.Model:
    image, depth = keras.Input((12, 12, 3), name="image"), keras.Input((12, 12, 1), name="depth")
    left = layers.Conv2D(3, 3, padding="same", activation="relu", name="image_conv")(image)
    right = layers.Conv2D(2, 3, padding="same", activation="relu", name="depth_conv")(depth)
    x = layers.Concatenate(name="join")([left, right])
    x = layers.Conv2D(3, 1, activation="relu", name="fuse")(x)
    return keras.Model({"image": image, "depth": depth}, layers.Conv2D(1, 1, name="logits")(x), name="two_inputs")


def _raw_operations() -> keras.Model:
    """`keras.ops` between layers, one of them the non-linear function itself."""
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inputs)
    x = keras.ops.relu(x) * 2.0 - 0.5
    x = layers.Conv2D(3, 1, activation="relu", name="conv2")(x)
    x = keras.ops.concatenate([x, keras.ops.tanh(x)], axis=-1)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="raw_operations")


def _raw_operations_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    tensors = {
        "conv2:input": model.get_layer("conv2").input,
        "conv2": model.get_layer("conv2").output,
        "logits:input": model.get_layer("logits").input,
        "logits": model.output,
    }
    return probe(model, tensors, x, training)


WIDE = {
    "conv1_relu": False,
    **{f"conv_{kind}_{block}_relu": kind == "dw" for block in range(1, 14) for kind in ("dw", "pw")},
    "pool": True,
}


def _wide() -> keras.Model:
    """A published network with 1,024 channels at the end, random weights."""
    base = keras.applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    pooled = layers.GlobalAveragePooling2D(name="pool")(base.output)
    return keras.Model(base.input, layers.Dense(1, name="logits")(pooled), name="wide")


def _both_inputs() -> tuple[dict[str, Any], Any]:
    return {"image": images(12, 12, 3), "depth": images(12, 12, 1, seed=2)}, masks(12, 12, 1)


def _both_outputs() -> tuple[Any, dict[str, Any]]:
    return images(12, 12, 3), {"mask": masks(12, 12, 1), "label": masks(3, seed=2)}


STYLES = (
    ModelStyle(
        "functional",
        _functional,
        lambda: (images(12, 12, 3), masks(6, 6, 1)),
        at_layers("relu1", "pool1", "relu2", "logits"),
        selection={"relu1": False, "pool1": True, "relu2": True},
    ),
    ModelStyle(
        "sequential",
        _sequential,
        lambda: (images(12, 12, 3), masks(1)),
        _sequential_activations,
        selection={"conv1": False, "bn1": True, "conv2": False, "pool2": True},
    ),
    ModelStyle(
        "sequential_without_shape",
        _sequential_without_shape,
        lambda: (images(12, 12, 3), masks(1)),
        _sequential_activations,
        selection={"conv1": False, "bn1": True, "conv2": False, "pool2": True},
    ),
    ModelStyle(
        "shared_layer",
        _shared_layer,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _shared_layer_activations,
        selection={"relu": True, "relu#2": True},
    ),
    ModelStyle(
        "outputs_in_dictionary",
        _outputs_in_dictionary,
        _both_outputs,
        lambda model, x, training: layer_outputs(model, ("trunk", "pool", "label", "mask"), x, training),
        selection={"trunk": False, "pool": True},
        outputs=("label", "mask"),
        loss={"mask": "binary_crossentropy", "label": "mse"},
    ),
    ModelStyle(
        "inputs_in_dictionary",
        _inputs_in_dictionary,
        _both_inputs,
        at_layers("image_conv", "depth_conv", "join", "fuse", "logits"),
        selection={"image_conv": False, "depth_conv": False, "join": True, "fuse": True},
    ),
    ModelStyle(
        "raw_operations",
        _raw_operations,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _raw_operations_activations,
        selection={"conv2:input": True, "conv2": False, "logits:input": True},
    ),
    ModelStyle(
        "published_wide",
        _wide,
        lambda: (images(32, 32, 3), masks(1)),
        at_layers(*WIDE, "logits"),
        selection=WIDE,
        slow=True,
    ),
)
