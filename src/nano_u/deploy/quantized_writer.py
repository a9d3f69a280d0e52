"""`QuantizedGraph` -> a `.tflite` file that LiteRT and TensorFlow Lite Micro run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.deploy.aligned_builder import pack
from nano_u.deploy.flatbuffer import load_schema
from nano_u.deploy.schema_numbers import ACTIVATIONS, CHANNEL_AXIS, FILTER_AXIS, OPTION_CLASSES, PADDINGS
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor

SCHEMA_VERSION = 3

_FIRST_INT8_VERSION = 2
_PER_CHANNEL_VERSION = 3
_PIXEL_CENTRE_VERSION = 3


def write_tflite(graph: QuantizedGraph) -> bytes:
    """The `.tflite` bytes of `graph`: its operators in their order, tensors under their own names.

    Weights are named `layer/kernel` and `layer/bias`. `quantized_graph_of` reads the same graph back.
    """
    return _Writer(graph).write()


class _Writer:
    """Collects tensors, buffers and operators of one subgraph."""

    def __init__(self, graph: QuantizedGraph) -> None:
        self.graph = graph
        self.schema = load_schema()
        self.buffers = [self.schema.BufferT()]  # number 0 is empty: activations have no data
        self.tensors: list[Any] = []
        self.codes: list[Any] = []
        self.index: dict[str, int] = {}

    def write(self) -> bytes:
        """The whole file."""
        for tensor in self.graph.tensors:
            self.index[tensor.name] = self._activation(tensor)
        operators = [self._operator(op) for op in self.graph.ops]

        subgraph = self.schema.SubGraphT()
        subgraph.name = b"main"
        subgraph.tensors = self.tensors
        subgraph.operators = operators
        subgraph.inputs = [self.index[self.graph.input]]
        subgraph.outputs = [self.index[self.graph.output]]

        model = self.schema.ModelT()
        model.version = SCHEMA_VERSION
        model.operatorCodes = self.codes
        model.subgraphs = [subgraph]
        model.buffers = self.buffers
        return pack(model)

    def _activation(self, tensor: QuantizedTensor) -> int:
        return self._tensor(
            tensor.name,
            (1, *tensor.shape),
            self.schema.TensorType.INT8,
            self._quantization([tensor.scale], [tensor.zero_point]),
        )

    def _constant(self, name: str, values: npt.NDArray[Any], quantization: Any = None) -> int:
        """Index of a new constant tensor; `name` gets a number where another tensor has it."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.buffers.append(buffer)
        unused, number = name, 2
        while unused in self.index:
            unused, number = f"{name}/{number}", number + 1
        dtype = getattr(self.schema.TensorType, values.dtype.name.upper())
        self.index[unused] = self._tensor(unused, values.shape, dtype, quantization, len(self.buffers) - 1)
        return self.index[unused]

    def _tensor(self, name: str, shape: Sequence[int], dtype: int, quantization: Any, buffer: int = 0) -> int:
        tensor = self.schema.TensorT()
        tensor.name = name.encode()
        tensor.shape = np.asarray(shape, np.int32)
        tensor.type = dtype
        tensor.quantization = quantization
        tensor.buffer = buffer
        tensor.hasRank = True
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _quantization(self, scales: npt.ArrayLike, zero_points: npt.ArrayLike, axis: int = 0) -> Any:
        quantization = self.schema.QuantizationParametersT()
        quantization.scale = np.asarray(scales, np.float32)
        quantization.zeroPoint = np.asarray(zero_points, np.int64)
        quantization.quantizedDimension = axis
        return quantization

    def _operator(self, op: QuantizedOp) -> Any:
        operator = self.schema.OperatorT()
        operator.opcodeIndex = self._code(op)
        operator.inputs = [self.index[name] for name in op.inputs] + self._constants(op)
        operator.outputs = [self.index[op.output]]
        options = self._options(op)
        if options is not None:
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            operator.builtinOptions = options
        return operator

    def _code(self, op: QuantizedOp) -> int:
        """Index of the operator's code, appended at its first use."""
        number, version = getattr(self.schema.BuiltinOperator, op.kind), _version(op)
        for index, known in enumerate(self.codes):
            if (known.builtinCode, known.version) == (number, version):
                return index
        code = self.schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = version
        self.codes.append(code)
        return len(self.codes) - 1

    def _constants(self, op: QuantizedOp) -> list[int]:
        """Indices of the constants that the operator reads behind its activations."""
        if op.weights is not None:
            return self._weights(op)
        if op.kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
            size = np.asarray(self.graph.by_name[op.output].shape[:2], np.int32)
            return [self._constant(f"{op.output}/constant", size)]
        if op.kind == "PAD":
            pairs = np.asarray([(0, 0), *op.margins, (0, 0)], np.int32)
            return [self._constant(f"{op.output}/constant", pairs)]
        return []

    def _weights(self, op: QuantizedOp) -> list[int]:
        weights = op.kernel
        zeros = np.zeros(weights.filters, np.int64)
        bias_scales = weights.scales * np.float32(self.graph.by_name[op.inputs[0]].scale)
        axis = FILTER_AXIS[op.kind]
        return [
            self._constant(f"{op.output}/kernel", weights.kernel, self._quantization(weights.scales, zeros, axis)),
            self._constant(f"{op.output}/bias", weights.bias, self._quantization(bias_scales, zeros)),
        ]

    def _options(self, op: QuantizedOp) -> Any:
        """The schema's options of this kind with all of its fields that we know, None where it has no options."""
        name = OPTION_CLASSES.get(op.kind)
        if name is None:
            return None
        options = getattr(self.schema, f"{name}T")()
        if hasattr(options, "axis"):
            options.axis = CHANNEL_AXIS
        if hasattr(options, "halfPixelCenters"):
            options.alignCorners, options.halfPixelCenters = op.align_corners, op.half_pixel_centers
        if hasattr(options, "depthMultiplier"):
            options.depthMultiplier = op.kernel.filters // self.graph.by_name[op.inputs[0]].shape[2]
        if hasattr(options, "filterHeight"):
            options.filterHeight, options.filterWidth = op.window
        if hasattr(options, "padding"):
            options.padding = PADDINGS[op.padding]
            options.strideH, options.strideW = op.strides
        if hasattr(options, "fusedActivationFunction"):
            options.fusedActivationFunction = ACTIVATIONS[op.activation]
        return options


def _version(op: QuantizedOp) -> int:
    """The first version of the operator that takes int8 and these options; older runtimes refuse newer ones."""
    if op.weights is not None:
        return _PER_CHANNEL_VERSION
    if op.align_corners or op.half_pixel_centers:
        return _PIXEL_CENTRE_VERSION
    return _FIRST_INT8_VERSION
