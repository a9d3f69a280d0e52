"""Instructions that our streaming C executes for an image on a Cortex-M7 with packed multiply-accumulate, estimated.

Its kernels work by fours: four filters read four inputs at a time, and what is left over costs more for each product.
So work is counted in the same steps. What a step costs was fitted to the stages of 32 networks on an emulated core
(`-O2`). Their totals come within 3 %, and within 10 % where pools or joined inputs make up much of the work; those of
eight networks that were counted afterwards within 6 %. All of these are trained; where activations leave a part of
int8 unused, as those of fresh networks do, it is up to a quarter more. A small operator can be off by a half: where a
network adds only once, the compiler puts the addition in line, which takes little more than half as much.
"""

from __future__ import annotations

import math

from nano_u.graph.deployed import DeployedGraph, DeployedOp
from nano_u.graph.record import Shape

# A 1x1 convolution, per pixel. A window is gathered first, and is then one pixel of more channels.
_PIXEL = 25.0
_FOUR_FILTERS = 72.0  # mostly to requantise their sums
_ONE_FILTER = 47.0
_FOUR_INPUTS_OF_FOUR_FILTERS = 26.0
_ONE_INPUT_OF_FOUR_FILTERS = 16.0
_FOUR_INPUTS_OF_ONE_FILTER = 10.3
_ONE_INPUT_OF_ONE_FILTER = 7.5
_GATHERED_PIXEL = 18.0
_GATHERED_BYTE = 0.35

# A depthwise 3x3, per pixel; others are gathered.
_PIXEL_OF_3X3 = 130.0
_FOUR_CHANNELS_OF_3X3 = 197.0
_ONE_CHANNEL_OF_3X3 = 58.0
_DEPTHWISE_VALUE = 22.0
_DEPTHWISE_PRODUCT = 5.6

# Operators without products.
_LARGEST_SO_FAR = 5.0  # per value read by a max-pool that is taken as the values come
_POOLED = 13.0  # per value read by any other pool
_SUM, _PIXEL_OF_SUMS = 67.0, 20.0
_MEAN_OF_FOUR, _PIXEL_OF_MEANS = 23.0, 31.0
_LOOKED_UP = 6.6


def instructions(graph: DeployedGraph) -> tuple[int, ...]:
    """One number per operator of `graph`.

    Operators that only say where values are (concatenation, nearest upsampling) count nothing, nor do those that the C
    does not compute and layers of unknown content.
    """
    shapes = dict(zip(graph.inputs, graph.input_shapes, strict=True))
    shapes |= {op.name: op.output_shape for op in graph.ops}
    return tuple(0 if op.op == "opaque" else round(_of_operator(op, shapes[op.inputs[0]])) for op in graph.ops)


def _of_operator(op: DeployedOp, source: Shape) -> float:
    values, channels = math.prod(op.output_shape), op.output_shape[-1]
    pixels, taps = values // channels, math.prod(op.window)
    if op.op == "depthwise_conv2d":
        return pixels * (_depthwise_3x3(channels) if op.window == (3, 3) else _depthwise(taps, channels))
    if op.op == "conv2d":
        return pixels * (_gathered(taps, source[-1]) + _mixed(taps * source[-1], channels))
    if op.op == "max_pool2d" and _takes_values_as_they_come(op, source):
        return _LARGEST_SO_FAR * values * taps
    if op.op in ("max_pool2d", "average_pool2d"):
        return _POOLED * values * taps
    if op.op == "add":
        return pixels * _PIXEL_OF_SUMS + values * _SUM
    if op.op == "upsample_bilinear":
        return pixels * _PIXEL_OF_MEANS + values * _MEAN_OF_FOUR
    return values * _LOOKED_UP if op.op in ("relu", "relu6", "sigmoid") else 0.0


def _mixed(inputs: int, filters: int) -> float:
    fours, ones = divmod(filters, 4)
    input_fours, input_ones = divmod(inputs, 4)
    of_four = _FOUR_FILTERS + input_fours * _FOUR_INPUTS_OF_FOUR_FILTERS + input_ones * _ONE_INPUT_OF_FOUR_FILTERS
    of_one = _ONE_FILTER + input_fours * _FOUR_INPUTS_OF_ONE_FILTER + input_ones * _ONE_INPUT_OF_ONE_FILTER
    return _PIXEL + fours * of_four + ones * of_one


def _gathered(taps: int, channels: int) -> float:
    return taps * (_GATHERED_PIXEL + _GATHERED_BYTE * channels) if taps > 1 else 0.0


def _depthwise_3x3(channels: int) -> float:
    fours, ones = divmod(channels, 4)
    return _PIXEL_OF_3X3 + fours * _FOUR_CHANNELS_OF_3X3 + ones * _ONE_CHANNEL_OF_3X3


def _depthwise(taps: int, channels: int) -> float:
    return _PIXEL + _gathered(taps, channels) + channels * (_DEPTHWISE_VALUE + taps * _DEPTHWISE_PRODUCT)


def _takes_values_as_they_come(op: DeployedOp, source: Shape) -> bool:
    """Whether windows neither overlap nor reach over the sides."""
    is_whole = op.padding == "valid" or all(size % step == 0 for size, step in zip(source[:2], op.strides, strict=True))
    return op.window == op.strides and is_whole
