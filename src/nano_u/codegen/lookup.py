"""Operators that look at one value alone, as tables of their 256 results."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nano_u.quantization import INT8_MAX, INT8_MIN, Kind, QuantizedOp, QuantizedTensor
from nano_u.quantization.kernel import Kernel
from nano_u.quantization.pointwise import logistic, relu6, rescale

_KERNELS: Mapping[Kind, Kernel] = {"LOGISTIC": logistic, "QUANTIZE": rescale, "RELU": rescale, "RELU6": relu6}


def lookup_table(op: QuantizedOp, source: QuantizedTensor, target: QuantizedTensor) -> npt.NDArray[np.int8]:
    """int8 results for the inputs -128 to 127, `(256,)`, by the integer reference itself."""
    steps = np.arange(INT8_MIN, INT8_MAX + 1).astype(np.int8).reshape(1, 1, 256, 1)
    return _KERNELS[op.kind](op, [steps], [source], target).reshape(-1)
