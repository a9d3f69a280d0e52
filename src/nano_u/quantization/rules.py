"""What an operator demands of its tensors, checked before anything is computed or written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nano_u.errors import DeployError
from nano_u.quantization.multiplier import LARGEST_SHIFT, quantize_multiplier
from nano_u.quantization.record import KINDS, QuantizedOp, QuantizedTensor, Shape
from nano_u.quantization.rescaling import addition_factors, output_factors
from nano_u.quantization.resizing import bilinear_neighbours
from nano_u.quantization.sliding_window import window_count

COPYING_KINDS = frozenset(
    {"AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D", "PAD", "RELU6", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
)
"""Kinds whose kernels never rescale: input and output must share scale and zero point."""

FUSING_KINDS = frozenset({"ADD", "AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"})
WEIGHTED_KINDS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
SLIDING_KINDS = WEIGHTED_KINDS | {"AVERAGE_POOL_2D", "MAX_POOL_2D"}
RESIZING_KINDS = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})

LARGEST_SIDE = 2**15 - 1
"""Of a tensor or a window, and of a window's step: kernels on the device count them in 16 bits."""

LOGISTIC_SCALE, LOGISTIC_ZERO_POINT = 1 / 256, -128


def check_op(op: QuantizedOp, sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> None:
    """Raise DeployError, naming layer and operator, where this operator cannot join these tensors."""
    problem = _problem(op, sources, target)
    if problem is not None:
        raise DeployError(f"layer {op.output!r}: {op.kind} {problem}")


def _problem(op: QuantizedOp, sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> str | None:
    return (
        _input_problem(op, sources)
        or _size_problem(sources, target)
        or _option_problem(op, sources[0])
        or _weight_problem(op, sources[0].shape)
        or _shape_problem(op, [source.shape for source in sources], target.shape)
        or _scale_problem(op, sources, target)
        or _factor_problem(op, sources, target)
    )


def _input_problem(op: QuantizedOp, sources: Sequence[QuantizedTensor]) -> str | None:
    if op.kind not in KINDS:
        return f"is not known; the integer reference computes {', '.join(KINDS)}"
    if op.kind == "CONCATENATION":
        return None if sources else "reads nothing"
    wanted = 2 if op.kind == "ADD" else 1
    return None if len(sources) == wanted else f"reads {len(sources)} tensors, expected {wanted}"


def _size_problem(sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> str | None:
    large = [tensor for tensor in (*sources, target) if max(tensor.shape) > LARGEST_SIDE]
    return f"has a tensor {large[0].shape}; sides and channels are at most {LARGEST_SIDE}" if large else None


def _option_problem(op: QuantizedOp, source: QuantizedTensor) -> str | None:
    if op.activation not in ("none", "relu", "relu6"):
        return f"has the activation {op.activation!r}; use 'none', 'relu' or 'relu6'"
    if op.activation != "none" and op.kind not in FUSING_KINDS:
        return f"cannot apply {op.activation} to its result; put it into an operator of its own"
    if min(*op.window, *op.strides) < 1 or op.padding not in ("same", "valid"):
        return f"has window {op.window}, strides {op.strides} and padding {op.padding!r}"
    if max(*op.window, *op.strides) > LARGEST_SIDE:
        return f"has window {op.window} and strides {op.strides}; sides and strides are at most {LARGEST_SIDE}"
    if min(min(pair) for pair in op.margins) < 0:
        return f"has the negative margins {op.margins}"
    if op.align_corners and op.half_pixel_centers:
        return "cannot both align corners and take half-pixel centres"
    return None


def _weight_problem(op: QuantizedOp, source: Shape) -> str | None:
    if op.kind not in WEIGHTED_KINDS:
        return None if op.weights is None else "has weights, which it cannot use"
    if op.weights is None:
        return "has no weights"
    shape, filters, channels = op.weights.kernel.shape, op.weights.filters, source[2]
    if op.kind == "CONV_2D":
        expected = (filters, *op.window, channels)
    else:
        expected = (1, *op.window, filters)
        if filters % channels:
            return f"has {filters} filters over {channels} channels, expected a multiple"
    return None if shape == expected else f"has a kernel {shape}, expected {expected}"


def _shape_problem(op: QuantizedOp, sources: Sequence[Shape], target: Shape) -> str | None:
    if op.kind == "ADD" and sources[0] != sources[1]:
        return f"adds {sources[0]} and {sources[1]}; shapes must be equal"
    if op.kind == "CONCATENATION" and len({shape[:2] for shape in sources}) > 1:
        return f"joins {', '.join(map(str, sources))}; heights and widths must be equal"
    expected = _output_shape(op, sources, target)
    if target != expected:
        return f"gives {expected}, but its output is {target}"
    return _resize_problem(op, sources[0], target) if op.kind == "RESIZE_BILINEAR" else None


def _resize_problem(op: QuantizedOp, source: Shape, target: Shape) -> str | None:
    """Kernels round the step between pixels to 1/1024 and then read behind the last pixel."""
    for size, result in zip(source[:2], target[:2], strict=True):
        if bilinear_neighbours(size, result, op).lower.max() >= size:
            return f"cannot resize {size} pixels to {result}; resize by less, or in two steps"
    return None


def _output_shape(op: QuantizedOp, sources: Sequence[Shape], target: Shape) -> Shape:
    height, width, channels = sources[0]
    if op.kind in RESIZING_KINDS:
        return (*target[:2], channels)
    if op.kind == "CONCATENATION":
        return (height, width, sum(shape[2] for shape in sources))
    if op.kind == "PAD":
        return (height + sum(op.margins[0]), width + sum(op.margins[1]), channels)
    if op.kind in SLIDING_KINDS:
        rows, columns = (
            window_count(sources[0][axis], op.window[axis], op.strides[axis], op.padding) for axis in (0, 1)
        )
        return (rows, columns, op.weights.filters if op.weights is not None else channels)
    return sources[0]


def _scale_problem(op: QuantizedOp, sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> str | None:
    if op.kind in COPYING_KINDS:
        odd = [source.name for source in sources if not source.is_quantized_like(target)]
        if odd:
            return f"cannot rescale: {odd[0]!r} must have the output's scale and zero point"
    is_standard = (target.scale, target.zero_point) == (LOGISTIC_SCALE, LOGISTIC_ZERO_POINT)
    if op.kind == "LOGISTIC" and not is_standard:
        return f"needs an output of scale 1/256 and zero point -128, got {target.scale} and {target.zero_point}"
    return None


def _factor_problem(op: QuantizedOp, sources: Sequence[QuantizedTensor], target: QuantizedTensor) -> str | None:
    if op.kind == "ADD":
        factor = addition_factors(sources, target).output
        return None if quantize_multiplier(factor).shift <= 0 else "has an output scale far too small for its inputs"
    if op.kind in WEIGHTED_KINDS or op.kind in ("RELU", "QUANTIZE"):
        with np.errstate(over="ignore"):
            factor = float(output_factors(op, sources[0], target).max())
        if not factor < 2.0**LARGEST_SHIFT:
            return f"multiplies by {factor:.3g}; 32-bit kernels reach 2^{LARGEST_SHIFT}"
    return None
