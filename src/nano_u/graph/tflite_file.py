"""A `.tflite` file -> architecture record: the operators as they are, without an interpreter."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nano_u.errors import MissingDependencyError, ModelError
from nano_u.graph.record import ACTIVATION_SUFFIX, Architecture, Node, Op, Shape, checked, output_shape

MAX_FILE_BYTES = 64 * 1024 * 1024
_DAMAGED = (struct.error, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError)
_IDENTIFIER = b"TFL3"
_SAME_PADDING = 0
_ACTIVATIONS: dict[int, Op] = {1: "relu", 3: "relu6"}


def read_tflite_file(path: Path) -> Architecture:
    """The graph of a `.tflite` file; raises ModelError on anything that is not one."""
    try:
        import ai_edge_litert.schema_py_generated as schema  # an optional extra
    except ImportError as error:
        raise MissingDependencyError("ai-edge-litert", "deploy") from error
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; not a microcontroller's model")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    if content[4:8] != _IDENTIFIER:
        raise ModelError(f"{path}: not a .tflite file")
    try:
        return _Reader(schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)), schema).read(path.stem)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise ModelError(f"{path}: a damaged .tflite file ({type(error).__name__})") from error


class _Reader:
    """Walks the main subgraph; operators that the record has no word for become `opaque`."""

    def __init__(self, model: Any, schema: Any) -> None:
        self.model = model
        self.graph = model.subgraphs[0]
        self.int8 = schema.TensorType.INT8
        operators = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
        # Old writers keep the code in the 8-bit field only.
        self.kinds = [operators[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
        self.names: dict[int, str] = {}
        self.shapes: dict[str, Shape] = {}
        self.nodes: list[Node] = []

    def read(self, name: str) -> Architecture:
        """The whole subgraph as a record."""
        for index in self.graph.inputs:
            self._add(int(index), Node(self._unique(int(index)), "input", shape=self._shape(int(index))))
        for operator in self.graph.operators:
            self._operator(operator)
        outputs = tuple(dict.fromkeys(self.names[int(index)] for index in self.graph.outputs))
        return Architecture(name, tuple(self.nodes), outputs)

    def _operator(self, operator: Any) -> None:
        if len(operator.outputs) != 1:
            raise ModelError(f"operator {self.kinds[operator.opcodeIndex]} has several outputs; not supported")
        target = int(operator.outputs[0])
        sources = [int(index) for index in operator.inputs if int(index) in self.names]
        constants = [int(index) for index in operator.inputs if index >= 0 and int(index) not in self.names]
        held = sum(_size(self._shape(index, batch=False)) for index in constants if self._is_int8(index))
        inputs = tuple(self.names[index] for index in sources)
        name = self._unique(target)
        node = self._translated(operator, Node(name, "opaque", inputs), constants)
        if node is None or self._inferred(node) != self._shape(target):
            node = Node(name, "opaque", inputs, shape=self._shape(target), parameters=held)
        self._add(target, node)
        activation = _ACTIVATIONS.get(getattr(operator.builtinOptions, "fusedActivationFunction", None) or 0)
        if activation and node.op != "opaque":
            self._add(target, Node(f"{name}{ACTIVATION_SUFFIX}", activation, (name,)))

    def _translated(self, operator: Any, node: Node, constants: list[int]) -> Node | None:
        kind, options = self.kinds[operator.opcodeIndex], operator.builtinOptions
        translate = _TRANSLATORS.get(kind)
        shapes = [self._shape(index, batch=False) for index in constants]
        if translate is None or not node.inputs:
            return None
        fields = translate(options, shapes, self.shapes[node.inputs[0]], self._shape(int(operator.outputs[0])))
        return None if fields is None else dataclasses.replace(node, **fields)

    def _inferred(self, node: Node) -> Shape | None:
        try:
            return output_shape(checked(node), [self.shapes[name] for name in node.inputs])
        except ModelError:
            return None

    def _add(self, tensor: int, node: Node) -> None:
        checked(node)
        self.shapes[node.name] = output_shape(node, [self.shapes[name] for name in node.inputs])
        self.names[tensor] = node.name
        self.nodes.append(node)

    def _shape(self, index: int, *, batch: bool = True) -> Shape:
        shape = self.graph.tensors[index].shape
        sides = () if shape is None else tuple(int(side) for side in shape)
        return sides[1:] if batch and len(sides) > 1 else sides

    def _is_int8(self, index: int) -> bool:
        return bool(self.graph.tensors[index].type == self.int8)  # weights, not sizes or int32 biases

    def _unique(self, index: int) -> str:
        """The Keras layer's name where the converter kept it in the tensor's."""
        parts = (self.graph.tensors[index].name or b"").decode("utf-8", "replace").split(";")[0].split("/")
        name = parts[-2] if len(parts) > 1 else parts[0] or "tensor"
        return name if name not in self.shapes else f"{name}#{index}"


def _size(shape: Shape) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


_Fields = dict[str, Any]
_Translator = Callable[[Any, list[Shape], Shape, Shape], _Fields | None]
"""From an operator's options, the shapes of its constants, of its input and of its result."""


def _sliding(options: Any, window: tuple[int, int]) -> _Fields:
    padding = "same" if options.padding == _SAME_PADDING else "valid"
    return {"window": window, "strides": (int(options.strideH), int(options.strideW)), "padding": padding}


def _convolution(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
    channels, height, width, depth = constants[0]
    if options.dilationHFactor != 1 or options.dilationWFactor != 1 or depth != source[-1]:
        return None
    fields = _sliding(options, (height, width))
    return {"op": "conv2d", "filters": channels, "use_bias": len(constants) > 1, **fields}


def _depthwise(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
    _, height, width, channels = constants[0]
    if options.dilationHFactor != 1 or options.dilationWFactor != 1 or channels != source[-1]:
        return None
    return {"op": "depthwise_conv2d", "use_bias": len(constants) > 1, **_sliding(options, (height, width))}


def _transposed(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
    _, (channels, height, width, _), *bias = constants  # the first is the output's size
    fields = _sliding(options, (height, width))
    return {"op": "conv2d_transpose", "filters": channels, "use_bias": bool(bias), **fields}


def _dense(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
    return {"op": "dense", "filters": constants[0][0], "use_bias": len(constants) > 1}


def _pool(op: Op) -> _Translator:
    def translate(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
        return {"op": op, **_sliding(options, (int(options.filterHeight), int(options.filterWidth)))}

    return translate


def _resize(op: Op) -> _Translator:
    def translate(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
        return {"op": op, "window": (result[0] // source[0], result[1] // source[1])}

    return translate


def _plain(op: Op) -> _Translator:
    return lambda options, constants, source, result: {"op": op}


def _add(options: Any, constants: list[Shape], source: Shape, result: Shape) -> _Fields | None:
    return None if constants else {"op": "add"}


_TRANSLATORS: dict[str, _Translator] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool("max_pool2d"),
    "AVERAGE_POOL_2D": _pool("average_pool2d"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("upsample_nearest"),
    "RESIZE_BILINEAR": _resize("upsample_bilinear"),
    "CONCATENATION": _plain("concat"),
    "MEAN": _plain("global_average_pool2d"),
    "ADD": _add,
    "LOGISTIC": _plain("sigmoid"),
    "RELU": _plain("relu"),
    "RELU6": _plain("relu6"),
}
