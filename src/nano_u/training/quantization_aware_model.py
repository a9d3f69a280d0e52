"""A network as the int8 operators that it will become, each rounding as its kernel does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from nano_u.errors import ModelError
from nano_u.graph import ACTIVATION_SUFFIX, Architecture, DeployedGraph, DeployedOp, deploy
from nano_u.models import UpsampleNearest, architecture_of
from nano_u.quantization import Activation
from nano_u.quantization.fake_quantization import ActivationQuantizer, InputQuantizer, QuantizedConvolution, Ranges

CONVOLUTIONS = ("conv2d", "depthwise_conv2d")
COPYING = ("max_pool2d", "average_pool2d", "upsample_nearest", "concat")
"""Operators whose inputs and output share one scale: TensorFlow Lite's kernels copy values."""

INPUT_SUFFIX, RANGE_SUFFIX = "_bytes", "_range"
CALIBRATION_BATCH = 64


def quantization_aware(model: keras.Model, *, ranges: Ranges = "ema", batch_norm: bool = False) -> keras.Model:
    """A functional Keras model of the same function as `model`, but for rounding, with its weights carried over.

    One layer per operator of the int8 network, named as it is, and one range per group of tensors that share a scale.
    BatchNorm is folded into kernel and bias for good; with `batch_norm` it stays trainable inside the convolutions.

    Raises:
        ModelError: an operator that has no int8 form here, named.
    """
    architecture = architecture_of(model)
    graph = deploy(architecture)
    groups = range_groups(graph)
    for op in graph.ops:
        _check_operator(architecture, op)
    quantizers = _quantizers(architecture, graph, groups, ranges)
    source = keras.Input(architecture.input_shape, name=graph.inputs[0])
    tensors: dict[str, Any] = {graph.inputs[0]: InputQuantizer(name=f"{graph.inputs[0]}{INPUT_SUFFIX}")(source)}
    for op in graph.ops:
        inputs = [tensors[name] for name in op.inputs]
        result = _operator(architecture, op, batch_norm)(inputs[0] if len(inputs) == 1 else inputs)
        activation = activation_of(architecture, op)
        if activation == "relu":
            result = keras.ops.relu(result)
        elif activation == "relu6":
            result = keras.ops.relu6(result)
        rounds = op.op not in COPYING or op.op == "average_pool2d"
        tensors[op.name] = quantizers[groups[op.name]](result) if rounds else result
    (output,) = graph.outputs
    aware = keras.Model(source, tensors[output], name=model.name)
    for op in graph.ops:
        if op.op in CONVOLUTIONS:
            _carry_over(model, architecture, op, aware.get_layer(op.name))
    return aware


def calibrate(aware: keras.Model, model: keras.Model, images: np.ndarray) -> None:
    """Set every range to the extremes of the float `model`'s own activations on `images` in [0, 1]."""
    architecture = architecture_of(model)
    graph = deploy(architecture)
    groups = range_groups(graph)
    ops = [op for op in graph.ops if op.op not in COPYING]
    # A layer that applies its activation itself has a node for it, which is no layer.
    seen = keras.Model(
        model.inputs, [model.get_layer(op.layers[-1].removesuffix(ACTIVATION_SUFFIX)).output for op in ops]
    )
    extremes: dict[str, list[tuple[float, float]]] = {}
    for start in range(0, len(images), CALIBRATION_BATCH):
        for op, values in zip(
            ops, _as_list(seen.predict_on_batch(images[start : start + CALIBRATION_BATCH])), strict=True
        ):
            extremes.setdefault(groups[op.name], []).append((float(values.min()), float(values.max())))
    for group, pairs in extremes.items():
        ends = np.array([min(low for low, _ in pairs), max(high for _, high in pairs)], np.float32)
        aware.get_layer(f"{group}{RANGE_SUFFIX}").observe(ends)


def carry_back(aware: keras.Model, model: keras.Model) -> None:
    """Give the float `model` the weights of its twin, unrounded: it computes the same but for rounding.

    Where BatchNorm was folded for good, the model's BatchNorm only adds the bias.
    """
    architecture = architecture_of(model)
    for op in deploy(architecture).ops:
        if op.op not in CONVOLUTIONS:
            continue
        source, target = aware.get_layer(op.name), model.get_layer(op.name)
        norm = next((name for name in op.layers if architecture.by_name[name].op == "batch_norm"), None)
        kernel = np.asarray(source.kernel)
        own_bias = np.zeros(source.filters, np.float32) if target.bias is None else np.asarray(target.bias)
        if norm is None:
            own_bias = np.asarray(source.bias)
        else:
            layer = model.get_layer(norm)
            gamma, beta, mean, variance = _norm_values(source, layer.epsilon)
            if layer.gamma is None or layer.beta is None:  # kernel and mean take what the layer has no place for
                kernel = kernel * _per_filter(gamma, source)
                mean = gamma * mean - beta * np.sqrt(variance + layer.epsilon)
                gamma, beta = np.ones_like(gamma), np.zeros_like(beta)
            scaling = [] if layer.gamma is None else [gamma]
            offset = [] if layer.beta is None else [beta]
            layer.set_weights([*scaling, *offset, mean + own_bias, variance])
        target.set_weights([kernel, *([] if target.bias is None else [own_bias])])


def _norm_values(source: QuantizedConvolution, epsilon: float) -> tuple[np.ndarray, ...]:
    """gamma, beta, mean and variance of a BatchNorm after a convolution with this kernel and no bias."""
    if source.batch_norm:
        names = (source.gamma, source.beta, source.moving_mean, source.moving_variance)
        return tuple(np.asarray(values) for values in names)
    ones, zeros = np.ones(source.filters, np.float32), np.zeros(source.filters, np.float32)
    return ones, np.asarray(source.bias), zeros, (1.0 - epsilon) * ones


def _per_filter(values: np.ndarray, layer: QuantizedConvolution) -> np.ndarray:
    """`values` in the shape in which they multiply the layer's kernel."""
    return values.reshape((-1, 1) if layer.depthwise else (-1,))


def _as_list(values: Any) -> list[np.ndarray]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def range_groups(graph: DeployedGraph) -> Mapping[str, str]:
    """The group of every tensor: those joined by operators that only copy, named by the first of them."""
    group: dict[str, str] = {name: name for name in graph.inputs}
    for op in graph.ops:
        group[op.name] = op.name
        if op.op not in COPYING:
            continue
        joined = {group[name] for name in op.inputs} | {op.name}
        first = next(name for name in group if name in joined)
        group = {name: first if own in joined else own for name, own in group.items()}
    return group


def activation_of(architecture: Architecture, op: DeployedOp) -> Activation:
    """The activation that the operator applies."""
    kinds = {architecture.by_name[name].op for name in op.layers}
    return "relu" if "relu" in kinds else "relu6" if "relu6" in kinds else "none"


def _quantizers(
    architecture: Architecture, graph: DeployedGraph, groups: Mapping[str, str], ranges: Ranges
) -> dict[str, ActivationQuantizer]:
    """One per group; its range starts at zero where everything in it is rectified."""
    signed = {groups[op.name] for op in graph.ops if op.op not in COPYING and activation_of(architecture, op) == "none"}
    names = dict.fromkeys(groups[op.name] for op in graph.ops)
    for name in names:
        if name in graph.inputs:
            raise ModelError(f"{name}: the input itself is pooled, resized or joined; put a convolution before that")
    return {
        name: ActivationQuantizer(rectified=name not in signed, ranges=ranges, name=f"{name}{RANGE_SUFFIX}")
        for name in names
    }


def _check_operator(architecture: Architecture, op: DeployedOp) -> None:
    if op.name not in architecture.by_name or op.op not in (*CONVOLUTIONS, *COPYING, "add"):
        name = op.name.partition("/")[0]
        kind = architecture.by_name[name].op if name in architecture.by_name else op.op
        raise ModelError(f"{name}: a layer of kind {kind!r} cannot be trained for int8; export converts it instead")


def _operator(architecture: Architecture, op: DeployedOp, batch_norm: bool) -> keras.layers.Layer:
    node = architecture.by_name[op.name]
    if op.op in CONVOLUTIONS:
        normalised = any(architecture.by_name[name].op == "batch_norm" for name in op.layers)
        return QuantizedConvolution(
            filters=op.output_shape[-1],
            window=node.window,
            strides=node.strides,
            padding=node.padding,
            depthwise=op.op == "depthwise_conv2d",
            batch_norm=batch_norm and normalised,
            name=op.name,
        )
    if op.op == "add":
        return keras.layers.Add(name=op.name)
    if op.op == "concat":
        return keras.layers.Concatenate(name=op.name)
    if op.op == "upsample_nearest":
        return UpsampleNearest(node.window, name=op.name)
    pool = keras.layers.MaxPooling2D if op.op == "max_pool2d" else keras.layers.AveragePooling2D
    return pool(node.window, node.strides, node.padding, name=op.name)


def _carry_over(model: keras.Model, architecture: Architecture, op: DeployedOp, target: QuantizedConvolution) -> None:
    """The trained weights, BatchNorm's folded in or beside them."""
    source = model.get_layer(op.name)
    kernel = np.asarray(source.kernel, np.float32)
    bias = np.zeros(target.filters, np.float32) if source.bias is None else np.asarray(source.bias, np.float32)
    norm = next((model.get_layer(name) for name in op.layers if architecture.by_name[name].op == "batch_norm"), None)
    if norm is None:
        target.set_weights([kernel, bias])
        return
    mean, variance = np.asarray(norm.moving_mean), np.asarray(norm.moving_variance)
    gamma = np.ones_like(mean) if norm.gamma is None else np.asarray(norm.gamma)
    beta = np.zeros_like(mean) if norm.beta is None else np.asarray(norm.beta)
    target.epsilon = norm.epsilon
    if target.batch_norm:
        target.momentum = norm.momentum
        target.set_weights([kernel, gamma, beta, mean - bias, variance])
        return
    gain = gamma / np.sqrt(variance + norm.epsilon)
    target.set_weights([kernel * _per_filter(gain, target), beta + (bias - mean) * gain])
