"""A model of ours rebuilt from Keras' own layers, so that it loads where Nano-U is not installed."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from nano_u.errors import DeployError
from nano_u.models.functional import functional_copy, is_functional
from nano_u.models.layers import UpsampleNearest

TOLERANCE = 1e-5
"""Largest difference of outputs, as a share of the largest output where that exceeds 1."""

_PROBE_SEED = 0


def to_stock_keras(model: keras.Model) -> keras.Model:
    """A functional model of stock Keras layers with the same names, weights and outputs, uncompiled, in float32.

    Raises DeployError for a subclassed model, for a layer that has no stock equal (naming it), and where the outputs
    on a probe image differ by more than 1e-5.
    """
    stock = clone_with_stock_layers(model, lambda layer: layer.name)
    _check_equal_outputs(model, stock)
    return stock


def clone_with_stock_layers(model: keras.Model, name_of: Callable[[keras.layers.Layer], str]) -> keras.Model:
    """A clone of stock layers, weights copied; `name_of` maps each layer to its clone's name."""
    if not is_functional(model):
        raise DeployError(f"{model.name}: only functional and Sequential models can be exported, not subclassed ones")
    pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def clone_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        if not isinstance(layer, keras.layers.Layer):
            return layer  # a function of keras.ops: it holds no weights
        clone = _stock_layer(layer, name_of(layer))
        pairs.append((layer, clone))
        return clone

    # A fresh Model over the same tensors is not compiled; cloning a compiled one would need its custom losses.
    stock = keras.models.clone_model(functional_copy(model), clone_function=clone_layer, recursive=True)
    for layer, clone in pairs:
        clone.set_weights(layer.get_weights())
    return stock


def _stock_layer(layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
    if _enlarges_by_repetition(layer):
        height, width = layer.output.shape[1:3]
        return keras.layers.Resizing(height, width, interpolation="nearest", name=name, dtype="float32")
    kind = keras.layers.BatchNormalization if isinstance(layer, keras.layers.BatchNormalization) else type(layer)
    if not kind.__module__.startswith("keras."):
        raise DeployError(f"layer {layer.name!r} ({kind.__name__}) is not one of Keras' own and has no stock equal")
    return kind.from_config({**layer.get_config(), "name": name, "dtype": "float32"})


def _enlarges_by_repetition(layer: keras.layers.Layer) -> bool:
    """Keras' own nearest UpSampling2D counts too: it would export as TILE, which microcontrollers lack."""
    if isinstance(layer, UpsampleNearest):
        return True
    return (
        isinstance(layer, keras.layers.UpSampling2D)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )


def _check_equal_outputs(model: keras.Model, stock: keras.Model) -> None:
    if any(layer.compute_dtype != "float32" for layer in model.layers):
        return  # the original itself computes in half precision
    shape = (1, *(side or 32 for side in model.inputs[0].shape[1:]))
    probe = np.random.default_rng(_PROBE_SEED).random(shape, np.float32)
    expected = keras.ops.convert_to_numpy(model(probe, training=False))
    actual = keras.ops.convert_to_numpy(stock(probe, training=False))
    difference = float(np.abs(expected - actual).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise DeployError(f"{model.name}: stock Keras layers give outputs that differ by {difference:.1e}")
