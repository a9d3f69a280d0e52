"""Numbers that the TensorFlow Lite schema gives to paddings and activations, and the names of our records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nano_u.quantization import Activation

PADDINGS: Mapping[Literal["same", "valid"], int] = {"same": 0, "valid": 1}
ACTIVATIONS: Mapping[Activation, int] = {"none": 0, "relu": 1, "relu6": 3}

CHANNEL_AXIS = 3
"""Of `(batch, height, width, channels)`."""

FILTER_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
"""Axis of the kernel along which its scales run."""
