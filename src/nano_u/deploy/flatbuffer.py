"""A `.tflite` file as a small graph of tensors and operators, read without TensorFlow."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nano_u.deploy.affine import AffineQuantization
from nano_u.errors import DeployError, MissingDependencyError

FILE_IDENTIFIER = b"TFL3"

_ITEM_BITS = {
    "FLOAT32": 32,
    "FLOAT16": 16,
    "BFLOAT16": 16,
    "FLOAT64": 64,
    "INT64": 64,
    "UINT64": 64,
    "INT32": 32,
    "UINT32": 32,
    "INT16": 16,
    "UINT16": 16,
    "INT8": 8,
    "UINT8": 8,
    "BOOL": 8,
    "INT4": 4,
    "UINT4": 4,
    "INT2": 2,
}


@dataclass(frozen=True)
class TfliteTensor:
    """One tensor; `dtype` as the schema spells it ("INT8"), `scales` empty where it is not quantised."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_constant: bool
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size of the values in memory."""
        return -(-self.size * _ITEM_BITS.get(self.dtype, 8) // 8)

    @property
    def quantization(self) -> AffineQuantization:
        """Scale and zero point of a tensor quantised as a whole; raises DeployError for any other."""
        if len(self.scales) != 1:
            raise DeployError(f"tensor {self.name!r} has {len(self.scales)} scales, expected one")
        return AffineQuantization(self.scales[0], self.zero_points[0])


@dataclass(frozen=True)
class TfliteOperator:
    """One operator; `inputs` and `outputs` index the graph's tensors (absent optional inputs are left out)."""

    name: str
    layer: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TfliteGraph:
    """The first subgraph of a model, operators in the order in which they run."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_bytes: int

    @property
    def input(self) -> TfliteTensor:
        """The only input."""
        return self.tensors[_only("input", self.inputs)]

    @property
    def output(self) -> TfliteTensor:
        """The only output."""
        return self.tensors[_only("output", self.outputs)]

    @property
    def gives_probabilities(self) -> bool:
        """True where the last operator is LOGISTIC, so that outputs are probabilities and not logits."""
        return self.operators[-1].name == "LOGISTIC"


def read_graph(tflite: bytes) -> TfliteGraph:
    """The graph inside `tflite`; raises DeployError where these bytes are not a TensorFlow Lite model."""
    schema = load_schema()
    model = read_model(tflite)
    with refusing_damage():
        subgraph = model.subgraphs[0]
        tensors = tuple(_tensor(fields, model, schema) for fields in subgraph.tensors)
        codes = [operator_name(code, schema) for code in model.operatorCodes]
        return TfliteGraph(
            tensors=tensors,
            operators=tuple(_operator(fields, codes, tensors) for fields in subgraph.operators),
            inputs=_present(subgraph.inputs, tensors),
            outputs=_present(subgraph.outputs, tensors),
            file_bytes=len(tflite),
        )


def read_model(tflite: bytes) -> Any:
    """The schema's own mutable object tree (`ModelT`) of a model with at least one operator."""
    schema = load_schema()
    check_identifier(tflite)
    with refusing_damage():
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(tflite, 0))
        empty = not model.subgraphs or not model.subgraphs[0].operators
    if empty:
        raise DeployError("not a usable TensorFlow Lite model: it holds no operator")
    return model


def check_identifier(tflite: bytes) -> None:
    """Raise DeployError where these bytes do not even begin like a model."""
    if tflite[4:8] != FILE_IDENTIFIER:
        raise DeployError(f"not a TensorFlow Lite model: no identifier {FILE_IDENTIFIER.decode()} at byte 4")


@contextmanager
def refusing_damage() -> Iterator[None]:
    """DeployError for what a damaged file leads to: offsets that lead nowhere show as any of these errors."""
    try:
        yield
    except (struct.error, LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DeployError(f"damaged TensorFlow Lite model: {error}") from error


def load_schema() -> ModuleType:
    """The generated flatbuffer schema that comes with ai-edge-litert."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingDependencyError("ai-edge-litert", "deploy") from error
    return schema_py_generated  # type: ignore[no-any-return]


def operator_name(code: Any, schema: ModuleType) -> str:
    """Schema name of an operator code, "CUSTOM:..." for a custom one."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = _names(schema.BuiltinOperator).get(number, f"UNKNOWN_{number}")
    if name == "CUSTOM":
        return f"CUSTOM:{(code.customCode or b'').decode()}"
    return name


def _tensor(fields: Any, model: Any, schema: ModuleType) -> TfliteTensor:
    data = model.buffers[fields.buffer].data
    quantization = fields.quantization
    has_scales = quantization is not None and quantization.scale is not None and quantization.zeroPoint is not None
    return TfliteTensor(
        name=(fields.name or b"").decode(),
        shape=tuple(int(side) for side in fields.shape) if fields.shape is not None else (),
        dtype=_names(schema.TensorType)[fields.type],
        is_constant=data is not None and len(data) > 0,
        scales=tuple(float(scale) for scale in quantization.scale) if has_scales else (),
        zero_points=tuple(int(point) for point in quantization.zeroPoint) if has_scales else (),
    )


def _operator(fields: Any, codes: list[str], tensors: tuple[TfliteTensor, ...]) -> TfliteOperator:
    outputs = _present(fields.outputs, tensors)
    return TfliteOperator(
        name=codes[fields.opcodeIndex],
        layer=tensors[outputs[0]].name,
        inputs=_present(fields.inputs, tensors),
        outputs=outputs,
    )


def _present(indices: Any, tensors: tuple[TfliteTensor, ...]) -> tuple[int, ...]:
    """Indices of tensors that exist; -1 stands for an optional input left out."""
    present = tuple(int(index) for index in indices if index != -1)
    if present and not 0 <= min(present) <= max(present) < len(tensors):
        raise IndexError(f"no tensor {max(present)}")
    return present


def _names(enumeration: type) -> dict[int, str]:
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}


def _only(what: str, indices: tuple[int, ...]) -> int:
    if len(indices) != 1:
        raise DeployError(f"expected a model with one {what}, got {len(indices)}")
    return indices[0]
