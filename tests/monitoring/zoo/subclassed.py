"""Subclassed models: layers in attributes and in dictionaries."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from tests.monitoring.zoo.style import ModelStyle, images, masks


class Attributes(keras.Model):
    """Every layer an attribute; the attribute names are not the layer names."""

    def __init__(self) -> None:
        super().__init__(name="attributes")
        self.first = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1")
        self.first_norm = layers.BatchNormalization(momentum=0.9, name="bn1")
        self.first_function = layers.Activation("swish", name="swish1")
        self.second = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv2")
        self.down = layers.AveragePooling2D(2, name="pool2")
        self.last = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = self.first_function(self.first_norm(self.first(x), training=training))
        return self.last(self.down(self.second(x)))


def _attributes_activations(model: Attributes, x: Any, training: bool) -> dict[str, Any]:
    swish = keras.ops.silu(model.first_norm(model.first(x), training=training))
    second = model.second(swish)
    pooled = keras.ops.average_pool(second, 2)
    return {"swish1": swish, "conv2": second, "pool2": pooled, "logits": model.last(pooled)}


class Dictionaries(keras.Model):
    """Layers in a dictionary, in a list inside it, and twice under one name."""

    def __init__(self) -> None:
        super().__init__(name="dictionaries")
        self.branches = {
            "wide": [layers.Conv2D(3, 3, padding="same", name="conv"), layers.ReLU(name="relu")],
            "narrow": [layers.Conv2D(2, 1, name="conv"), layers.ReLU(name="relu")],
        }
        self.ends = {"join": layers.Concatenate(name="join"), "logits": layers.Conv2D(1, 1, name="logits")}

    def call(self, x: Any) -> Any:
        outputs = []
        for convolution, relu in self.branches.values():
            outputs.append(relu(convolution(x)))
        return self.ends["logits"](self.ends["join"](outputs))


def _dictionaries_activations(model: Dictionaries, x: Any, training: bool) -> dict[str, Any]:
    wide = keras.ops.relu(model.branches["wide"][0](x))
    narrow = keras.ops.relu(model.branches["narrow"][0](x))
    joined = keras.ops.concatenate([wide, narrow], axis=-1)
    return {"relu": wide, "relu~2": narrow, "join": joined, "logits": model.ends["logits"](joined)}


class RawResiduals(keras.Model):
    """Blocks called in a loop, their sums written with a plus sign: no layer makes or reads the running sum alone."""

    def __init__(self) -> None:
        super().__init__(name="raw_residuals")
        self.stem = layers.Conv2D(4, 3, padding="same", name="stem")
        self.blocks = [layers.Conv2D(4, 3, padding="same", activation="relu", name=f"block{i}") for i in (1, 2)]
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.logits(x)


def _raw_residuals_activations(model: RawResiduals, x: Any, training: bool) -> dict[str, Any]:
    stem = model.stem(x)
    first = model.blocks[0](stem)
    second = model.blocks[1](stem + first)
    last = stem + first + second
    return {
        "stem": stem,
        "block1": first,
        "block2:input": stem + first,
        "block2": second,
        "logits:input": last,
        "logits": model.logits(last),
    }


class LateBlock(layers.Layer):
    """Makes its layers when it sees its first input."""

    def build(self, input_shape: Any) -> None:
        self.mix = layers.Conv2D(input_shape[-1], 1, name="mix")
        self.mix.build(input_shape)
        self.relu = layers.ReLU(name="relu")

    def call(self, x: Any) -> Any:
        return self.relu(self.mix(x))


class LateLayers(keras.Model):
    """Has no layer at all before `fit` has looked at the data."""

    def __init__(self) -> None:
        super().__init__(name="late_layers")

    def build(self, input_shape: Any) -> None:
        self.stem = layers.Conv2D(4, 3, padding="same", name="stem")
        self.stem.build(input_shape)
        self.block = LateBlock(name="block")
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any) -> Any:
        return self.logits(self.block(self.stem(x)))


def _late_layers_activations(model: LateLayers, x: Any, training: bool) -> dict[str, Any]:
    stem = model.stem(x)
    block = keras.ops.relu(model.block.mix(stem))
    return {"stem": stem, "block/relu": block, "logits": model.logits(block)}


STYLES = (
    ModelStyle(
        "subclassed_attributes",
        Attributes,
        lambda: (images(12, 12, 3), masks(6, 6, 1)),
        _attributes_activations,
        selection={"swish1": True, "conv2": False, "pool2": True},
    ),
    ModelStyle(
        "subclassed_dictionaries_equal_names",
        Dictionaries,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _dictionaries_activations,
        selection={"relu": False, "relu~2": False, "join": True},
    ),
    ModelStyle(
        "subclassed_raw_residuals",
        RawResiduals,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _raw_residuals_activations,
        selection={"stem": False, "block1": False, "block2:input": False, "block2": False, "logits:input": True},
    ),
    ModelStyle(
        "subclassed_layers_made_in_build",
        LateLayers,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _late_layers_activations,
        selection={"stem": True, "block/relu": True},
    ),
)
