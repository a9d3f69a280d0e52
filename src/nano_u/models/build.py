"""Architecture record -> Keras model, node by node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from nano_u.errors import ModelError
from nano_u.graph.record import Architecture, Node
from nano_u.models.layers import FusedBatchNormalization, UpsampleNearest

DEFAULT_BATCH_NORM_MOMENTUM = 0.9
"""Keras' 0.99 needs some 500 steps to forget its start; small sets train for fewer and then evaluate to garbage."""


def build_model(architecture: Architecture, *, batch_norm_momentum: float = DEFAULT_BATCH_NORM_MOMENTUM) -> keras.Model:
    """A functional Keras model with one layer per node, named as it is; weights are drawn from Keras' global seed."""
    tensors: dict[str, Any] = {}
    for node in architecture.nodes:
        if node.op == "input":
            tensors[node.name] = keras.Input(architecture.shapes[node.name], name=node.name)
            continue
        layer = _layer(node, batch_norm_momentum)
        inputs = [tensors[name] for name in node.inputs]
        tensors[node.name] = layer(inputs[0] if len(inputs) == 1 else inputs)
    sources = [tensors[node.name] for node in architecture.nodes if node.op == "input"]
    results = [tensors[name] for name in architecture.outputs]
    return keras.Model(
        sources[0] if len(sources) == 1 else sources,
        results[0] if len(results) == 1 else results,
        name=architecture.name,
    )


def _layer(node: Node, batch_norm_momentum: float) -> keras.layers.Layer:
    if node.op == "batch_norm":
        return FusedBatchNormalization(momentum=batch_norm_momentum, name=node.name)
    maker = _MAKERS.get(node.op)
    if maker is None:
        raise ModelError(f"{node.name}: a layer of kind {node.op!r} cannot be built from a record")
    return maker(node)


def _convolution(node: Node) -> dict[str, Any]:
    return {
        "kernel_size": node.window,
        "strides": node.strides,
        "padding": node.padding,
        "use_bias": node.use_bias,
        "name": node.name,
    }


def _pool(node: Node) -> dict[str, Any]:
    return {"pool_size": node.window, "strides": node.strides, "padding": node.padding, "name": node.name}


_MAKERS: dict[str, Callable[[Node], keras.layers.Layer]] = {
    "conv2d": lambda node: keras.layers.Conv2D(node.filters, **_convolution(node)),
    "depthwise_conv2d": lambda node: keras.layers.DepthwiseConv2D(**_convolution(node)),
    "separable_conv2d": lambda node: keras.layers.SeparableConv2D(node.filters, **_convolution(node)),
    "conv2d_transpose": lambda node: keras.layers.Conv2DTranspose(node.filters, **_convolution(node)),
    "dense": lambda node: keras.layers.Dense(node.filters, use_bias=node.use_bias, name=node.name),
    "relu": lambda node: keras.layers.ReLU(name=node.name),
    "relu6": lambda node: keras.layers.ReLU(max_value=6.0, name=node.name),
    "sigmoid": lambda node: keras.layers.Activation("sigmoid", name=node.name),
    "max_pool2d": lambda node: keras.layers.MaxPooling2D(**_pool(node)),
    "average_pool2d": lambda node: keras.layers.AveragePooling2D(**_pool(node)),
    "global_average_pool2d": lambda node: keras.layers.GlobalAveragePooling2D(name=node.name),
    "upsample_nearest": lambda node: UpsampleNearest(node.window, name=node.name),
    "upsample_bilinear": lambda node: keras.layers.UpSampling2D(node.window, interpolation="bilinear", name=node.name),
    "concat": lambda node: keras.layers.Concatenate(name=node.name),
    "add": lambda node: keras.layers.Add(name=node.name),
    "identity": lambda node: keras.layers.Identity(name=node.name),
}
