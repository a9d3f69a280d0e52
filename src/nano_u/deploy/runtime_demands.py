"""What a runtime demands of a `.tflite` file before it runs it, beyond what operators demand of their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nano_u.deploy.flatbuffer import TfliteGraph, TfliteTensor
from nano_u.deploy.flatbuffer_layout import OPTIONS
from nano_u.deploy.quantized_writer import SCHEMA_VERSION
from nano_u.deploy.schema_numbers import OPTION_CLASSES
from nano_u.errors import DeployError
from nano_u.quantization import Kind

LARGEST_RANK = 8
LARGEST_TENSOR = 2**31 - 1
"""Elements: sizes are 32-bit integers."""


@dataclass(frozen=True)
class _Operator:
    """The latest version that LiteRT knows, and the inputs (None: looked at elsewhere)."""

    version: int
    inputs: int | None


_OPERATORS: Mapping[Kind, _Operator] = {
    "ADD": _Operator(5, 2),
    "AVERAGE_POOL_2D": _Operator(3, 1),
    "CONCATENATION": _Operator(7, None),
    "CONV_2D": _Operator(8, None),
    "DEPTHWISE_CONV_2D": _Operator(6, None),
    "LOGISTIC": _Operator(3, 1),
    "MAX_POOL_2D": _Operator(3, 1),
    "PAD": _Operator(6, 2),
    "QUANTIZE": _Operator(6, 1),
    "RELU": _Operator(3, 1),
    "RELU6": _Operator(3, 1),
    "RESIZE_BILINEAR": _Operator(4, 2),
    "RESIZE_NEAREST_NEIGHBOR": _Operator(4, 2),
}


def check_model(model: Any, graph: TfliteGraph) -> None:
    """Raise DeployError, naming the tensor where there is one, for a `ModelT` that LiteRT would not load.

    `graph` is what `read_graph` makes of the same file.
    """
    if model.version != SCHEMA_VERSION:
        raise DeployError(f"the file has version {model.version} of the schema, expected {SCHEMA_VERSION}")
    if len(model.subgraphs) != 1:
        raise DeployError(f"the file holds {len(model.subgraphs)} graphs, expected one")
    if any(buffer.offset or buffer.size for buffer in model.buffers):
        raise DeployError("the file keeps constants outside of its flatbuffer; convert the model without that option")
    for signature in model.signatureDefs or ():
        if signature.signatureKey is None or signature.subgraphIndex != 0:
            raise DeployError("damaged TensorFlow Lite model: a signature has no name or no graph")
    for fields, tensor in zip(model.subgraphs[0].tensors, graph.tensors, strict=True):
        problem = _problem(fields, model.buffers[fields.buffer].data, tensor)
        if problem is not None:
            raise DeployError(f"tensor {tensor.name!r} {problem}")


def check_operator(operator: Any, code: Any, kind: Kind, layer: str) -> None:
    """Raise DeployError, naming the layer, where LiteRT has no kernel for this version, inputs or options."""
    known = _OPERATORS[kind]
    if not 1 <= code.version <= known.version:
        raise DeployError(f"layer {layer!r}: {kind} has version {code.version}, known are 1 to {known.version}")
    if known.inputs is not None and len(operator.inputs) != known.inputs:
        raise DeployError(f"layer {layer!r}: {kind} reads {len(operator.inputs)} tensors, expected {known.inputs}")
    name = OPTIONS.get(operator.builtinOptionsType)
    if operator.builtinOptionsType != 0 and (name is None or name != OPTION_CLASSES.get(kind)):
        raise DeployError(f"layer {layer!r}: {kind} has the options of another operator")
    if operator.builtinOptions2Type != 0:
        raise DeployError(f"layer {layer!r}: {kind} has options that it does not know")


def _problem(fields: Any, data: Any, tensor: TfliteTensor) -> str | None:
    if fields.isVariable or fields.externalBuffer:
        return "keeps its value from one run to the next; only constants and layers' outputs can be computed with"
    if len(tensor.shape) > LARGEST_RANK:
        return f"has {len(tensor.shape)} axes, at most {LARGEST_RANK} can be"
    if min(tensor.shape, default=0) < 0 or tensor.size > LARGEST_TENSOR:
        return f"has the shape {tensor.shape}, which no memory can hold"
    if tensor.is_constant and len(data) != tensor.bytes:
        return f"has {len(data)} bytes, expected {tensor.bytes} for {tensor.dtype} of the shape {tensor.shape}"
    if fields.quantization is None:
        return None
    counts = [
        0 if values is None else len(values) for values in (fields.quantization.scale, fields.quantization.zeroPoint)
    ]
    if counts[0] != counts[1]:
        return f"has {counts[0]} scales and {counts[1]} zero points"
    if fields.quantization.detailsType != 0:
        return "is not quantised by scales and zero points"
    axis = fields.quantization.quantizedDimension
    if counts[0] and not 0 <= axis < max(1, len(tensor.shape)):
        return f"has scales along axis {axis} of the shape {tensor.shape}"
    return None
