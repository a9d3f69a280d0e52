"""Numbers and names that the TensorFlow Lite schema gives to what our records call otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nano_u.quantization import Activation, Kind

PADDINGS: Mapping[Literal["same", "valid"], int] = {"same": 0, "valid": 1}
ACTIVATIONS: Mapping[Activation, int] = {"none": 0, "relu": 1, "relu6": 3}

OPTION_CLASSES: Mapping[Kind, str] = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "PAD": "PadOptions",
    "QUANTIZE": "QuantizeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
}
"""Tables of options; other kinds have none."""

CHANNEL_AXIS = 3
"""Of `(batch, height, width, channels)`."""

FILTER_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
"""Axis of the kernel along which its scales run."""
