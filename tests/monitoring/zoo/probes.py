"""References for models whose graph Keras knows: a second functional model over the same layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from tests.monitoring.zoo.style import Reference


def probe(model: keras.Model, tensors: Mapping[str, Any], x: Any, training: bool) -> dict[str, Any]:
    """The values of symbolic `tensors` of a functional model."""
    run = keras.Model(model.input, list(tensors.values()))
    return dict(zip(tensors, run(x, training=training), strict=True))


def layer_outputs(model: keras.Model, names: Sequence[str], x: Any, training: bool) -> dict[str, Any]:
    """The outputs of a functional model's layers that are called once and return one tensor."""
    return probe(model, {name: model.get_layer(name).output for name in names}, x, training)


def at_layers(*names: str) -> Reference:
    """`layer_outputs` of these names as a reference."""
    return lambda model, x, training: layer_outputs(model, names, x, training)


def chain(layers: Sequence[keras.layers.Layer], x: Any, training: bool, prefix: str = "") -> dict[str, Any]:
    """Every output of layers called one after the other, as a Sequential does."""
    found = {}
    for layer in layers:
        x = found[f"{prefix}{layer.name}"] = run(layer, x, training)
    return found


def run(layer: keras.layers.Layer, x: Any, training: bool) -> Any:
    """Call a layer, in the given mode where it has modes."""
    return layer(x, training=training) if layer._call_has_training_arg else layer(x)
