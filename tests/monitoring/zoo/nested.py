"""Models inside models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from tests.monitoring.zoo.probes import chain, layer_outputs
from tests.monitoring.zoo.style import ModelStyle, images, masks


def _block(channels: int, filters: int, name: str, size: int = 12) -> keras.Model:
    """conv, bn, relu: every nested model uses the same three names."""
    inputs = keras.Input((size, size, channels), name="features")
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name="conv")(inputs)
    x = layers.BatchNormalization(momentum=0.9, name="bn")(x)
    return keras.Model(inputs, layers.ReLU(name="relu")(x), name=name)


def _block_activations(block: keras.Model, x: Any, training: bool, path: str) -> dict[str, Any]:
    return {f"{path}/{name}": value for name, value in layer_outputs(block, ("bn", "relu"), x, training).items()}


def _nested() -> keras.Model:
    """Three levels: root > encoder > stem."""
    inner = keras.Input((12, 12, 3), name="inner")
    x = _block(3, 4, "stem")(inner)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(3, 3, padding="same", name="conv")(x)
    encoder = keras.Model(inner, layers.ReLU(name="relu")(x), name="encoder")
    image = keras.Input((12, 12, 3), name="image")
    x = _block(3, 4, "decoder", size=6)(encoder(image))
    return keras.Model(image, layers.Conv2D(1, 1, name="logits")(x), name="root")


def _nested_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    encoder = model.get_layer("encoder")
    found = _block_activations(encoder.get_layer("stem"), x, training, "encoder/stem")
    found["encoder/pool"] = encoder.get_layer("pool")(found["encoder/stem/relu"])
    found["encoder/relu"] = keras.ops.relu(encoder.get_layer("conv")(found["encoder/pool"]))
    found |= _block_activations(model.get_layer("decoder"), found["encoder/relu"], training, "decoder")
    found["logits"] = model.get_layer("logits")(found["decoder/relu"])
    return found


def _shared_tower() -> keras.Model:
    """One nested model applied to both members of a list of inputs; its statistics move twice per step."""
    left, right = keras.Input((12, 12, 3), name="left"), keras.Input((12, 12, 3), name="right")
    tower = _block(3, 3, "tower")
    both = layers.Add(name="sum")([tower(left), tower(right)])
    return keras.Model([left, right], layers.Conv2D(1, 1, name="logits")(both), name="siamese")


def _shared_tower_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    tower = model.get_layer("tower")
    left, right = (tower(side, training=training) for side in x)
    both = left + right
    return {"tower/relu": left, "tower/relu#2": right, "sum": both, "logits": model.get_layer("logits")(both)}


class BackboneAndHead(keras.Model):
    """A subclassed model that holds a functional model with two outputs, and a Sequential."""

    def __init__(self) -> None:
        super().__init__(name="backbone_and_head")
        inputs = keras.Input((12, 12, 3), name="image")
        fine = layers.Conv2D(3, 3, padding="same", activation="relu", name="fine")(inputs)
        coarse = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="coarse")(fine)
        self.backbone = keras.Model(inputs, [fine, coarse], name="backbone")
        self.up = layers.UpSampling2D(name="up")
        self.head = keras.Sequential(
            [layers.Conv2D(3, 1, activation="relu", name="mix"), layers.Conv2D(1, 1, name="logits")], name="head"
        )

    def call(self, x: Any, training: bool | None = None) -> Any:
        fine, coarse = self.backbone(x, training=training)
        return self.head(keras.ops.concatenate([fine, self.up(coarse)], axis=-1), training=training)


def _backbone_and_head_activations(model: BackboneAndHead, x: Any, training: bool) -> dict[str, Any]:
    fine = model.backbone.get_layer("fine")(x)
    coarse = model.backbone.get_layer("coarse")(fine)
    joined = np.concatenate([fine, np.repeat(np.repeat(coarse, 2, axis=1), 2, axis=2)], axis=-1)
    return {
        "backbone/fine": fine,
        "backbone/coarse": coarse,
        "head/mix:input": joined,
        **chain(model.head.layers, joined, training, "head/"),
    }


def _frozen_backbone() -> keras.Model:
    """Weights and statistics as from another training; a frozen BatchNorm stays in inference mode in `fit`."""
    backbone = _block(3, 4, "backbone")
    random = np.random.default_rng(3)
    backbone.set_weights([random.uniform(0.1, 1.0, weight.shape) for weight in backbone.get_weights()])
    backbone.trainable = False
    image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(3, 1, activation="relu", name="adapt")(backbone(image))
    return keras.Model(image, layers.Conv2D(1, 1, name="logits")(x), name="transfer")


def _frozen_backbone_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    found = _block_activations(model.get_layer("backbone"), x, training, "backbone")
    found["adapt"] = model.get_layer("adapt")(found["backbone/relu"])
    return {**found, "logits": model.get_layer("logits")(found["adapt"])}


STYLES = (
    ModelStyle(
        "nested_functional",
        _nested,
        lambda: (images(12, 12, 3), masks(6, 6, 1)),
        _nested_activations,
        selection={"encoder/stem/relu": False, "encoder/pool": True, "encoder/relu": True, "decoder/relu": True},
    ),
    ModelStyle(
        "shared_tower_list_of_inputs",
        _shared_tower,
        lambda: ([images(12, 12, 3), images(12, 12, 3, seed=2)], masks(12, 12, 1)),
        _shared_tower_activations,
        selection={"tower/relu": False, "tower/relu#2": False, "sum": True},
    ),
    ModelStyle(
        "functional_in_subclassed",
        BackboneAndHead,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _backbone_and_head_activations,
        selection={"backbone/fine": False, "backbone/coarse": False, "head/mix:input": True, "head/mix": True},
        outputs=("head/logits",),
    ),
    ModelStyle(
        "frozen_backbone",
        _frozen_backbone,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        _frozen_backbone_activations,
        selection={"backbone/relu": True, "adapt": True},
    ),
)
