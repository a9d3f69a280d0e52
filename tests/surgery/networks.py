"""Small networks with drawn weights, and channels planted in them that the next layers could do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from nano_u.graph import channel_sources
from nano_u.models import architecture_of
from nano_u.surgery import ChannelGroup, channel_groups

IMAGES = np.random.default_rng(0).random((12, 16, 16, 3), np.float32)
TOLERANCE = 1e-4

layers = keras.layers


def network(*steps: layers.Layer, seed: int = 0, size: int = 16) -> keras.Model:
    """The layers one after another behind an input of 3 channels, with drawn weights."""
    source = keras.Input((size, size, 3), name="image")
    x = source
    for step in steps:
        x = step(x)
    return drawn(keras.Model(source, x), seed)


def drawn(model: keras.Model, seed: int = 0) -> keras.Model:
    """`model` with random weights under which values stay near one and most channels stay alive."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([_drawn(weight.name, weight.shape, random) for weight in layer.weights])
    return model


def _drawn(name: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if name in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape)
    if name in ("beta", "bias"):
        return random.uniform(0.0, 0.6, shape)
    if name == "moving_mean":
        return random.normal(0, 0.2, shape)
    fan_in = np.prod(shape[:-1]) if name != "kernel" or len(shape) != 4 or shape[3] != 1 else np.prod(shape[:2])
    return random.normal(0, 1.5 / np.sqrt(fan_in), shape)


def edit(model: keras.Model, name: str, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    """Let `change` write into copies of the layer's weights, by their names, and put them back."""
    layer = model.get_layer(name)
    weights = {weight.name: np.asarray(weight).copy() for weight in layer.weights}
    change(weights)
    layer.set_weights(list(weights.values()))


def copy_last_axis(source: int, target: int, scale: float = 1.0) -> Callable[[dict[str, np.ndarray]], None]:
    """Makes one filter, or one channel of a BatchNorm, `scale` times another."""

    def change(weights: dict[str, np.ndarray]) -> None:
        for name, values in weights.items():
            if name != "depthwise_kernel":
                values[..., target] = scale * values[..., source]

    return change


def copy_passed(source: int, target: int) -> Callable[[dict[str, np.ndarray]], None]:
    """Makes one channel that a depthwise kernel, its bias, or a BatchNorm treats like another."""

    def change(weights: dict[str, np.ndarray]) -> None:
        for name, values in weights.items():
            if name == "pointwise_kernel" or (name == "bias" and "pointwise_kernel" in weights):
                continue
            axis = 2 if values.ndim == 4 else 0
            values.swapaxes(0, axis)[target] = values.swapaxes(0, axis)[source]

    return change


def plant_copy(model: keras.Model, group: ChannelGroup, source: int, target: int) -> None:
    """Make channel `target` of a group the exact copy of `source`, wherever it goes until it is mixed."""
    architecture = architecture_of(model)
    for name in group.producers:
        transposed = isinstance(model.get_layer(name), layers.Conv2DTranspose)
        edit(model, name, _copy_transposed(source, target) if transposed else copy_last_axis(source, target))
    for node in architecture.nodes:
        if node.op in ("batch_norm", "depthwise_conv2d", "separable_conv2d"):
            for read in channel_sources(architecture, node.inputs[0]):
                if read.producers == group.producers:
                    edit(model, node.name, copy_passed(read.start + source, read.start + target))


def _copy_transposed(source: int, target: int) -> Callable[[dict[str, np.ndarray]], None]:
    def change(weights: dict[str, np.ndarray]) -> None:
        weights["kernel"][:, :, target] = weights["kernel"][:, :, source]
        if "bias" in weights:
            weights["bias"][target] = weights["bias"][source]

    return change


def group_of(model: keras.Model, name: str) -> ChannelGroup:
    return next(group for group in channel_groups(model) if group.name == name)


def outputs(model: keras.Model, images: np.ndarray = IMAGES) -> np.ndarray:
    return np.asarray(model(images, training=False), np.float64)


def inner(model: keras.Model, name: str, images: np.ndarray = IMAGES) -> np.ndarray:
    """`(samples, channels)` that the layer `name` makes."""
    values = outputs(keras.Model(model.input, model.get_layer(name).output), images)
    return values.reshape(-1, values.shape[-1])


def difference(model: keras.Model, other: keras.Model, images: np.ndarray = IMAGES) -> float:
    """Largest difference of outputs over the largest output."""
    expected = outputs(model, images)
    return float(np.abs(expected - outputs(other, images)).max() / np.abs(expected).max())
