"""An int8 network run in NumPy integers, equal bit for bit to LiteRT's reference kernels.

And so to TensorFlow Lite Micro, but for two of its own kernels that can be one step away at rare scales: LOGISTIC, and
a RELU that no other operator has taken in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nano_u.errors import DeployError
from nano_u.quantization.convolution import convolution, depthwise_convolution
from nano_u.quantization.kernel import Int8Images, Kernel
from nano_u.quantization.pointwise import add, logistic, relu6, rescale
from nano_u.quantization.pooling import average_pool, max_pool
from nano_u.quantization.quantized_graph import QuantizedGraph
from nano_u.quantization.record import Kind, QuantizedOp, QuantizedTensor
from nano_u.quantization.resizing import resize_bilinear, resize_nearest

IMAGES_AT_ONCE = 4
"""Few enough for the processor's cache; the result does not depend on it."""


def run_integer(graph: QuantizedGraph, images: Int8Images) -> Int8Images:
    """int8 outputs `(n, height, width, channels)` of int8 images, the values of the reference kernels."""
    _check_images(graph, images)
    shape = graph.by_name[graph.output].shape
    outputs = np.empty((len(images), *shape), np.int8)
    for start in range(0, len(images), IMAGES_AT_ONCE):
        chunk = slice(start, start + IMAGES_AT_ONCE)
        outputs[chunk] = run_integer_tensors(graph, images[chunk])[graph.output]
    return outputs


def run_integer_tensors(graph: QuantizedGraph, images: Int8Images) -> dict[str, Int8Images]:
    """The values of every tensor of the graph by its name, the input's among them."""
    _check_images(graph, images)
    values = {graph.input: images}
    for op in graph.ops:
        sources = [graph.by_name[name] for name in op.inputs]
        target = graph.by_name[op.output]
        values[op.output] = _KERNELS[op.kind](op, [values[name] for name in op.inputs], sources, target)
    return values


def _concatenation(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    return np.concatenate(values, axis=-1)


def _pad(
    op: QuantizedOp, values: Sequence[Int8Images], sources: Sequence[QuantizedTensor], target: QuantizedTensor
) -> Int8Images:
    return np.pad(values[0], [(0, 0), *op.margins, (0, 0)], constant_values=target.zero_point)


_KERNELS: Mapping[Kind, Kernel] = {
    "ADD": add,
    "AVERAGE_POOL_2D": average_pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise_convolution,
    "LOGISTIC": logistic,
    "MAX_POOL_2D": max_pool,
    "PAD": _pad,
    "QUANTIZE": rescale,
    "RELU": rescale,
    "RELU6": relu6,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
}


def _check_images(graph: QuantizedGraph, images: Int8Images) -> None:
    shape = graph.by_name[graph.input].shape
    if images.dtype != np.int8 or images.shape[1:] != shape:
        raise DeployError(f"expected int8 images (n, {', '.join(map(str, shape))}), got {images.dtype} {images.shape}")
