"""The int8 network that a quantisation-aware model is: its weights and ranges as integers, nothing estimated anew."""

from __future__ import annotations

import keras
import numpy as np

from nano_u.errors import DeployError
from nano_u.graph import Architecture, DeployedOp, deploy
from nano_u.quantization import Kind, QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, Shape
from nano_u.quantization.fake_quantization import STEPS, ActivationQuantizer, QuantizedConvolution
from nano_u.training.quantization_aware_model import CONVOLUTIONS, RANGE_SUFFIX, activation_of, range_groups

_KINDS: dict[str, Kind] = {
    "conv2d": "CONV_2D",
    "depthwise_conv2d": "DEPTHWISE_CONV_2D",
    "max_pool2d": "MAX_POOL_2D",
    "average_pool2d": "AVERAGE_POOL_2D",
    "upsample_nearest": "RESIZE_NEAREST_NEIGHBOR",
    "concat": "CONCATENATION",
    "add": "ADD",
}
LARGEST_BIAS = 2**31 - 1


def trained_int8(aware: keras.Model, architecture: Architecture) -> QuantizedGraph:
    """The record of the int8 network; `architecture` is that of the model which `aware` was made from.

    Raises:
        DeployError: a bias that no 32-bit integer holds at its scale, named.
    """
    graph = deploy(architecture)
    groups = range_groups(graph)
    (source,) = graph.inputs
    tensors = {source: QuantizedTensor(source, _image(graph.input_shapes[0]), 1.0 / STEPS, -128)}
    for op in graph.ops:
        quantizer: ActivationQuantizer = aware.get_layer(f"{groups[op.name]}{RANGE_SUFFIX}")
        tensors[op.name] = QuantizedTensor(op.name, _image(op.output_shape), *quantizer.scale_and_zero_point())
    ops = tuple(_operator(aware, architecture, op, tensors[op.inputs[0]].scale) for op in graph.ops)
    return QuantizedGraph(tuple(tensors.values()), ops, graph.outputs[0])


def _image(shape: tuple[int, ...]) -> Shape:
    height, width, channels = shape
    return height, width, channels


def _operator(aware: keras.Model, architecture: Architecture, op: DeployedOp, input_scale: float) -> QuantizedOp:
    node = architecture.by_name[op.name]
    weights = _weights(aware.get_layer(op.name), input_scale) if op.op in CONVOLUTIONS else None
    windowed = op.op in (*CONVOLUTIONS, "max_pool2d", "average_pool2d")
    return QuantizedOp(
        _KINDS[op.op],
        op.inputs,
        op.name,
        weights=weights,
        window=node.window if windowed else (1, 1),
        strides=node.strides if windowed else (1, 1),
        padding=node.padding if windowed else "valid",
        activation=activation_of(architecture, op),
    )


def _weights(layer: QuantizedConvolution, input_scale: float) -> QuantizedWeights:
    kernel, scales = layer.integer_kernel()
    _, bias = layer.folded()
    steps = np.rint(np.asarray(bias, np.float64) / (input_scale * scales.astype(np.float64)))
    if np.abs(steps).max() > LARGEST_BIAS:
        raise DeployError(
            f"layer {layer.name!r}: a bias does not fit 32 bits at its scale; train again with quantization.aware "
            "false (--no-qat), so that export chooses the scales"
        )
    turned = kernel[np.newaxis] if layer.depthwise else kernel.transpose(3, 0, 1, 2)
    return QuantizedWeights(turned, scales, steps.astype(np.int32))
