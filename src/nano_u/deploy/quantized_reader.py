"""A `.tflite` file -> `QuantizedGraph`: everything its int8 operators compute with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.deploy.flatbuffer import TfliteTensor, check_identifier, read_graph, read_model, refusing_damage
from nano_u.deploy.flatbuffer_layout import check_layout
from nano_u.deploy.runtime_demands import check_model, check_operator
from nano_u.deploy.schema_numbers import ACTIVATIONS, CHANNEL_AXIS, FILTER_AXIS, PADDINGS
from nano_u.errors import DeployError
from nano_u.quantization import KINDS, QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights

BIAS_SCALE_TOLERANCE = 1e-3
"""Relative. A bias at another scale than input * kernel would be added at a wrong size: kernels never look."""

BIAS_TYPES = (0, 2)
"""Numbers of tensor types that CONV_2D's options may name for its bias: the default, which says nothing, and INT32."""


def quantized_graph_of(tflite: bytes) -> QuantizedGraph:
    """The int8 graph inside `tflite`, tensors named as in the file (`convert_int8` keeps the Keras layers' names).

    Raises DeployError for a file that LiteRT would not load and, naming the layer, for an operator, type or option that
    the integer reference does not compute. Time and memory grow with the file's size alone.
    """
    check_identifier(tflite)
    check_layout(tflite)
    reader = _Reader(tflite)
    with refusing_damage():
        check_model(reader.model, reader.graph)
        return reader.read()


class _Reader:
    """Walks the first subgraph's operators."""

    def __init__(self, tflite: bytes) -> None:
        self.graph = read_graph(tflite)
        self.model = read_model(tflite)
        self.fields = self.model.subgraphs[0]

    def read(self) -> QuantizedGraph:
        """The whole graph."""
        image = self.graph.input
        ops, tensors = [], [self.activation(image, image.name)]
        for known, operator in zip(self.graph.operators, self.fields.operators, strict=True):
            ops.append(self.operator(operator, known.name, known.layer))
            tensors.append(self.activation(self.tensor(operator.outputs[0]), known.layer))
        return QuantizedGraph(tuple(tensors), tuple(ops), self.graph.output.name)

    def operator(self, operator: Any, kind: str, layer: str) -> QuantizedOp:
        """One operator with its weights and options."""
        if kind not in KINDS:
            raise DeployError(f"layer {layer!r}: {kind} is not computed by the integer reference; replace the layer")
        if len(operator.outputs) != 1:
            raise DeployError(f"layer {layer!r}: {kind} has {len(operator.outputs)} outputs, expected one")
        check_operator(operator, self.model.operatorCodes[operator.opcodeIndex], kind, layer)
        count = len(operator.inputs) if kind in ("ADD", "CONCATENATION") else 1
        sources = [self.tensor(index) for index in operator.inputs[:count]]
        constant = [source.name for source in sources if source.is_constant]
        if constant:
            raise DeployError(
                f"layer {layer!r}: {kind} reads the constant {constant[0]!r}; only layers' outputs can be"
            )
        options = _OPTIONS[kind](self, operator, kind, layer) if kind in _OPTIONS else {}
        return QuantizedOp(kind, tuple(source.name for source in sources), layer, **options)

    def tensor(self, index: Any) -> TfliteTensor:
        """A tensor by its index in the file."""
        if not 0 <= index < len(self.graph.tensors):
            raise IndexError(f"no tensor {index}")
        return self.graph.tensors[int(index)]

    def activation(self, tensor: TfliteTensor, layer: str) -> QuantizedTensor:
        """An int8 activation of batch 1."""
        if tensor.dtype != "INT8":
            raise DeployError(f"layer {layer!r}: tensor {tensor.name!r} is {tensor.dtype}, expected INT8 throughout")
        if len(tensor.shape) != 4 or tensor.shape[0] != 1:
            raise DeployError(
                f"layer {layer!r}: tensor {tensor.name!r} is {tensor.shape}, expected (1, height, width, channels)"
            )
        _, height, width, channels = tensor.shape
        quantization = tensor.quantization
        return QuantizedTensor(tensor.name, (height, width, channels), quantization.scale, quantization.zero_point)

    def values(self, index: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """The numbers of a constant tensor."""
        tensor = self.tensor(index)
        data = self.model.buffers[self.fields.tensors[int(index)].buffer].data
        if data is None:
            raise DeployError(f"tensor {tensor.name!r}: is computed while the model runs, expected a constant")
        expected = np.dtype(dtype).name.upper()
        if tensor.dtype != expected:
            raise DeployError(f"tensor {tensor.name!r}: expected {expected}, got {tensor.dtype}")
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.dtype(dtype)).reshape(tensor.shape)

    def weights(self, operator: Any, kind: str, layer: str) -> QuantizedWeights:
        """Kernel, scales and bias of a convolution."""
        kernel = self.values(operator.inputs[1], np.int8)
        details = self.tensor(operator.inputs[1])
        axis = FILTER_AXIS[kind]
        filters = kernel.shape[axis]
        if len(details.scales) not in (1, filters) or any(details.zero_points):
            raise DeployError(f"layer {layer!r}: {kind} has a kernel that is not symmetric with one scale per filter")
        if (
            len(details.scales) > 1
            and self.fields.tensors[int(operator.inputs[1])].quantization.quantizedDimension != axis
        ):
            raise DeployError(f"layer {layer!r}: {kind} has kernel scales along another axis than its filters")
        scales = np.broadcast_to(np.asarray(details.scales, np.float32), (filters,))
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            raise DeployError(f"layer {layer!r}: {kind} has no bias, which LiteRT demands")
        if len(operator.inputs) > 3:
            raise DeployError(f"layer {layer!r}: {kind} reads {len(operator.inputs)} tensors, expected 3")
        self._check_bias_scales(operator, scales, layer)
        return QuantizedWeights(kernel, scales, self.values(operator.inputs[2], np.int32))

    def _check_bias_scales(self, operator: Any, scales: npt.NDArray[np.float32], layer: str) -> None:
        bias, source = self.tensor(operator.inputs[2]), self.tensor(operator.inputs[0])
        if not bias.scales:
            return
        expected = scales.astype(np.float64) * source.quantization.scale
        if not np.allclose(bias.scales, expected, rtol=BIAS_SCALE_TOLERANCE, atol=0) or any(bias.zero_points):
            raise DeployError(f"layer {layer!r}: the bias is not at the scale of input times kernel")


_Options = Callable[[_Reader, Any, str, str], dict[str, Any]]
"""From reader, operator, kind and layer to the fields of `QuantizedOp` that this kind has."""


def _convolution(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    options = operator.builtinOptions
    if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        raise DeployError(f"layer {layer!r}: {kind} is dilated, which the integer reference does not compute")
    weights = reader.weights(operator, kind, layer)
    if kind == "DEPTHWISE_CONV_2D":
        _check_depth_multiplier(options.depthMultiplier, weights.filters, reader.tensor(operator.inputs[0]), layer)
    elif options.quantizedBiasType not in BIAS_TYPES:
        raise DeployError(f"layer {layer!r}: {kind} has a bias of type number {options.quantizedBiasType}")
    window = (weights.kernel.shape[1], weights.kernel.shape[2])
    return {"weights": weights, "window": window, **_sliding(options, kind, layer)}


def _check_depth_multiplier(multiplier: int, filters: int, source: TfliteTensor, layer: str) -> None:
    """TensorFlow Lite Micro computes with it, LiteRT with the quotient."""
    channels = source.shape[-1]
    if multiplier * channels != filters:
        raise DeployError(
            f"layer {layer!r}: DEPTHWISE_CONV_2D has {filters} filters over {channels} channels, "
            f"but a depth multiplier of {multiplier}"
        )


def _pool(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    options = operator.builtinOptions
    return {"window": (options.filterHeight, options.filterWidth), **_sliding(options, kind, layer)}


def _sliding(options: Any, kind: str, layer: str) -> dict[str, Any]:
    padding = {number: name for name, number in PADDINGS.items()}[options.padding]
    return {
        "strides": (options.strideH, options.strideW),
        "padding": padding,
        "activation": _activation(options, kind, layer),
    }


def _addition(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    return {"activation": _activation(operator.builtinOptions, kind, layer)}


def _concatenation(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    options = operator.builtinOptions
    if options.axis not in (CHANNEL_AXIS, CHANNEL_AXIS - 4):
        raise DeployError(f"layer {layer!r}: {kind} joins along axis {options.axis}, expected the channels")
    return {"activation": _activation(options, kind, layer)}


def _activation(options: Any, kind: str, layer: str) -> str:
    number = options.fusedActivationFunction
    names = {number: name for name, number in ACTIVATIONS.items()}
    if number not in names:
        raise DeployError(f"layer {layer!r}: {kind} applies activation number {number}; only ReLU and ReLU6 can be")
    return names[number]


def _resize(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    size = tuple(reader.values(operator.inputs[1], np.int32).tolist())
    written = reader.tensor(operator.outputs[0]).shape[1:3]
    if size != written:
        raise DeployError(f"layer {layer!r}: {kind} resizes to {size}, but its output is {written}")
    options = operator.builtinOptions
    return {"align_corners": bool(options.alignCorners), "half_pixel_centers": bool(options.halfPixelCenters)}


def _pad(reader: _Reader, operator: Any, kind: str, layer: str) -> dict[str, Any]:
    pairs = reader.values(operator.inputs[1], np.int32).tolist()
    if pairs[0] != [0, 0] or pairs[CHANNEL_AXIS] != [0, 0]:
        raise DeployError(f"layer {layer!r}: {kind} pads the batch or the channels; only height and width can be")
    return {"margins": (tuple(pairs[1]), tuple(pairs[2]))}


_OPTIONS: Mapping[str, _Options] = {
    "ADD": _addition,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
}
