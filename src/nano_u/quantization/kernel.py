"""What all integer kernels share: their signature and their last step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nano_u.quantization.record import QuantizedOp, QuantizedTensor

Int8Images = npt.NDArray[np.int8]
"""int8 values `(n, height, width, channels)`."""

Kernel = Callable[[QuantizedOp, Sequence[Int8Images], Sequence[QuantizedTensor], QuantizedTensor], Int8Images]
"""From the operator, its inputs' values, its input tensors and its output tensor to the output's values."""


def int8_output(steps: npt.NDArray[np.int64], target: QuantizedTensor, lowest: int, highest: int) -> Int8Images:
    """Steps from `target`'s zero point as its int8 values, clipped; their 32-bit sum wraps around as in C."""
    return np.clip((steps + target.zero_point).astype(np.int32), lowest, highest).astype(np.int8)
