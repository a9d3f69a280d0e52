from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from nano_u.errors import MissingDependencyError, ModelError
from nano_u.graph import deploy, summarise
from nano_u.graph.tflite_file import read_tflite_file

schema: Any = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs the extra [deploy]")
INT8, INT32 = schema.TensorType.INT8, schema.TensorType.INT32


class Writer:
    """A `.tflite` put together by hand: just what a reader of the graph looks at."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model = schema.ModelT()
        self.model.version, self.model.subgraphs, self.model.operatorCodes = 3, [self.graph], []
        self.model.buffers = [schema.BufferT()]

    def tensor(self, name: str, shape: Sequence[int], kind: int = INT8, *, constant: bool = False) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), kind, 0
        if constant:
            buffer = schema.BufferT()
            buffer.data = np.zeros(int(np.prod(shape)) * (4 if kind == INT32 else 1), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, kind: str, inputs: list[int], output: int, **options: int) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self.model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.model.operatorCodes) - 1, inputs, [output]
        if options:
            family = {"CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "MAX_POOL_2D": "Pool2D"}[kind]
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{family}Options")
            operator.builtinOptions = getattr(schema, f"{family}OptionsT")()
            for name, value in options.items():
                setattr(operator.builtinOptions, name, value)
        self.graph.operators.append(operator)
        return output

    def weighted(self, kind: str, source: int, name: str, shape: Sequence[int], weights: Sequence[int]) -> int:
        channels = shape[-1]
        constants = [
            self.tensor(f"{name}/weights", weights, constant=True),
            self.tensor(f"{name}/bias", [channels], INT32, constant=True),
        ]
        stride = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
        target = self.tensor(f"net/{name}/Relu;net/{name}/other", shape)
        return self.operator(kind, [source, *constants], target, **stride, padding=0, fusedActivationFunction=1)

    def save(self, path: Path, inputs: list[int], outputs: list[int]) -> Path:
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def write_small_net(path: Path) -> Path:
    """Depthwise, pointwise, pool, nearest upsampling, and an operator that the record has no word for."""
    writer = Writer()
    image = writer.tensor("serving_image:0", [1, 8, 12, 3])
    depthwise = writer.weighted("DEPTHWISE_CONV_2D", image, "block_depthwise", [1, 8, 12, 3], [1, 3, 3, 3])
    pointwise = writer.weighted("CONV_2D", depthwise, "block_pointwise", [1, 8, 12, 5], [5, 1, 1, 3])
    pool = writer.operator(
        "MAX_POOL_2D",
        [pointwise],
        writer.tensor("net/pool/MaxPool2d", [1, 4, 4, 5]),
        strideH=2,
        strideW=3,
        filterHeight=2,
        filterWidth=3,
        padding=1,
    )
    size = writer.tensor("size", [2], INT32, constant=True)
    large = writer.tensor("net/up/resize", [1, 8, 12, 5])
    writer.operator("RESIZE_NEAREST_NEIGHBOR", [pool, size], large)
    factor = writer.tensor("factor", [5], constant=True)
    scaled = writer.operator("MUL", [large, factor], writer.tensor("net/scale/mul", [1, 8, 12, 5]))
    return writer.save(path, [image], [scaled])


def test_the_operators_of_a_file_become_a_record(tmp_path: Path) -> None:
    record = read_tflite_file(write_small_net(tmp_path / "net.tflite"))

    assert [(op.name, op.op) for op in deploy(record).ops] == [
        ("block_depthwise", "depthwise_conv2d"),
        ("block_pointwise", "conv2d"),
        ("pool", "max_pool2d"),
        ("up", "upsample_nearest"),
        ("scale", "opaque"),
    ]
    assert record.by_name["pool"].window == (2, 3)
    assert record.by_name["up"].window == (2, 3)
    assert record.outputs == ("scale",)


def test_the_costs_of_a_file_are_those_of_its_operators(tmp_path: Path) -> None:
    summary = summarise(read_tflite_file(write_small_net(tmp_path / "net.tflite")))

    assert summary.weight_bytes == (27 + 4 * 3) + (15 + 4 * 5) + 5
    assert summary.parameters == (27 + 3) + (15 + 5) + 5
    assert summary.macs == 96 * 27 + 96 * 15
    assert (summary.peak_activation_bytes, summary.peak_layer) == (96 * 10, "scale")
    assert summary.uncounted == ()


def test_an_operator_that_does_what_the_record_cannot_say_keeps_its_shape(tmp_path: Path) -> None:
    writer = Writer()
    image = writer.tensor("image", [1, 8, 8, 4])
    other = writer.tensor("net/odd/conv", [1, 5, 5, 2])  # no padding rule gives this
    kernel = writer.tensor("kernel", [2, 1, 1, 4], constant=True)
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    writer.operator("CONV_2D", [image, kernel], other, **options)

    record = read_tflite_file(writer.save(tmp_path / "net.tflite", [image], [other]))

    assert record.by_name["odd"].op == "opaque"
    assert record.shapes["odd"] == (5, 5, 2)
    assert summarise(record).weight_bytes == 8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a"),
        (b"PK", "not a"),
        (b"\x00" * 100, "not a"),
        (b"\x1c\x00\x00\x00TFL3", "a damaged"),
        (b"\x08\x00\x00\x00TFL3" * 9, "a damaged"),
    ],
)
def test_what_is_no_tflite_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(content)

    with pytest.raises(ModelError, match=rf"net\.tflite: {reason} \.tflite file") as caught:
        read_tflite_file(tmp_path / "net.tflite")

    assert "\n" not in str(caught.value)


def test_any_mutation_of_a_file_is_read_or_refused_but_never_crashes(tmp_path: Path) -> None:
    good = write_small_net(tmp_path / "net.tflite").read_bytes()
    chance = random.Random(0)
    refused = 0

    for _ in range(300):
        broken = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(8, len(broken))] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        (tmp_path / "broken.tflite").write_bytes(broken)
        try:
            summarise(read_tflite_file(tmp_path / "broken.tflite"))
        except ModelError:
            refused += 1

    assert 30 < refused < 300


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)

    with pytest.raises(MissingDependencyError, match=r"nano-u\[deploy\]"):
        read_tflite_file(write_small_net(tmp_path / "net.tflite"))
