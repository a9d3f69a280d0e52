"""An architecture as an int8 graph without numbers in it: what its C takes, before anything is trained."""

from __future__ import annotations

import numpy as np

from nano_u.codegen.memory import counters, state_bytes, stored_rows
from nano_u.codegen.plan import layout_of
from nano_u.errors import DeployError
from nano_u.graph import Architecture, DeployedOp, deploy
from nano_u.quantization import Kind, QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, Shape

_KINDS: dict[str, Kind] = {
    "add": "ADD",
    "average_pool2d": "AVERAGE_POOL_2D",
    "concat": "CONCATENATION",
    "conv2d": "CONV_2D",
    "depthwise_conv2d": "DEPTHWISE_CONV_2D",
    "max_pool2d": "MAX_POOL_2D",
    "relu": "RELU",
    "relu6": "RELU6",
    "sigmoid": "LOGISTIC",
    "upsample_bilinear": "RESIZE_BILINEAR",
    "upsample_nearest": "RESIZE_NEAREST_NEIGHBOR",
}
_SCALE, _ZERO_POINT = 1 / 256, -128
"""Of every tensor: what LOGISTIC demands of its output, and operators that copy of both sides."""

_WEIGHT_SCALE = 1e-3


def streaming_state_bytes(architecture: Architecture) -> int:
    """RAM, without the stack, of the C that the trained network would be: exact, since shapes alone decide it.

    Raises DeployError, naming the layer, for an operator or a size that the C does not have.
    """
    layout = layout_of(blank_graph(architecture))
    return state_bytes(stored_rows(layout), counters(layout))


def blank_graph(architecture: Architecture) -> QuantizedGraph:
    """The int8 network with zeros for weights; raises DeployError, naming the layer, for what the C does not have."""
    graph = deploy(architecture)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DeployError(
            f"{architecture.name}: has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, not one"
        )
    shapes = {graph.inputs[0]: _image(graph.inputs[0], graph.input_shapes[0])}
    shapes |= {op.name: _image(op.name, op.output_shape) for op in graph.ops}
    tensors = tuple(QuantizedTensor(name, shape, _SCALE, _ZERO_POINT) for name, shape in shapes.items())
    ops = tuple(_operator(op, shapes) for op in graph.ops)
    return QuantizedGraph(tensors, ops, graph.outputs[0])


def _image(name: str, shape: tuple[int, ...]) -> Shape:
    if len(shape) != 3:
        raise DeployError(f"layer {name!r}: gives {shape}; the C computes (height, width, channels)")
    height, width, channels = shape
    return height, width, channels


def _operator(op: DeployedOp, shapes: dict[str, Shape]) -> QuantizedOp:
    kind = _KINDS.get(op.op)
    if op.op == "opaque":
        raise DeployError(
            f"layer {op.name!r}: its record does not tell what it does; whether the C computes it is seen once the "
            "network is int8 (nano-u export, then nano-u estimate with the .tflite)"
        )
    if kind is None:
        raise DeployError(f"layer {op.name!r}: the C has no {op.op}")
    if kind not in ("AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"):
        is_resize = kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
        return QuantizedOp(kind, op.inputs, op.name, half_pixel_centers=is_resize)  # as Keras' resizes are converted
    weights = None
    if op.weights:
        channels, filters = shapes[op.inputs[0]][2], shapes[op.name][2]
        kernel = (1, *op.window, filters) if kind == "DEPTHWISE_CONV_2D" else (filters, *op.window, channels)
        weights = QuantizedWeights(
            np.zeros(kernel, np.int8), np.full(filters, _WEIGHT_SCALE, np.float32), np.zeros(filters, np.int32)
        )
    return QuantizedOp(kind, op.inputs, op.name, weights, op.window, strides=op.strides, padding=op.padding)
