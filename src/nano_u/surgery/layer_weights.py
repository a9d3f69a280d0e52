"""Along which axes the weights of a layer hold the channels that it makes, passes on and mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]
"""A layer's weights by the name that Keras gives them."""

_MADE: Mapping[str, Mapping[str, int]] = {
    "conv2d": {"kernel": 3, "bias": 0},
    "separable_conv2d": {"pointwise_kernel": 3, "bias": 0},
    "conv2d_transpose": {"kernel": 2, "bias": 0},
    "dense": {"kernel": 1, "bias": 0},
}
_PASSED: Mapping[str, Mapping[str, int]] = {
    "depthwise_conv2d": {"kernel": 2, "bias": 0},
    "separable_conv2d": {"depthwise_kernel": 2},
}
PASSING_OPS = frozenset({"batch_norm", *_PASSED})
"""Layers with weights of their own for every channel that they read."""

WIDTH_KEY = {"conv2d": "filters", "separable_conv2d": "filters", "conv2d_transpose": "filters", "dense": "units"}
"""Under which a layer's configuration holds the number of channels that it makes."""


def weights_of(layer: keras.layers.Layer) -> Weights:
    """Copies in float64."""
    return {variable.name: keras.ops.convert_to_numpy(variable).astype(np.float64) for variable in layer.weights}


def set_weights(layer: keras.layers.Layer, weights: Weights) -> None:
    """The inverse of `weights_of`."""
    layer.set_weights([weights[variable.name] for variable in layer.weights])


def with_made(op: str, weights: Weights, keep: Sequence[int]) -> Weights:
    """The filters `keep` alone."""
    return _taken(_MADE[op], weights, keep)


def with_passed(op: str, weights: Weights, keep: Sequence[int]) -> Weights:
    """What belongs to the input channels `keep` of one of `PASSING_OPS`."""
    return _taken(_PASSED[op] if op in _PASSED else dict.fromkeys(weights, 0), weights, keep)


def mixing_kernel(op: str, weights: Weights) -> Array:
    """`(taps, input channels, output channels)`: the weights with which a layer mixes its channels."""
    if op == "dense":
        return weights["kernel"][np.newaxis]
    kernel = weights["pointwise_kernel" if op == "separable_conv2d" else "kernel"]
    flat: Array = kernel.reshape(-1, *kernel.shape[2:])
    return flat.swapaxes(1, 2) if op == "conv2d_transpose" else flat


def with_mixing_kernel(op: str, weights: Weights, mixing: Array) -> Weights:
    """The inverse of `mixing_kernel`, for any number of input channels."""
    if op == "dense":
        return {**weights, "kernel": mixing[0]}
    name = "pointwise_kernel" if op == "separable_conv2d" else "kernel"
    flat = mixing.swapaxes(1, 2) if op == "conv2d_transpose" else mixing
    return {**weights, name: flat.reshape(*weights[name].shape[:2], *flat.shape[1:])}


def _taken(axes: Mapping[str, int], weights: Weights, keep: Sequence[int]) -> Weights:
    taken = {name: np.take(weights[name], keep, axis) for name, axis in axes.items() if name in weights}
    return {**weights, **taken}
