from __future__ import annotations

import contextlib
import random
import sys
from typing import Any

import pytest

from nano_u.deploy import read_graph
from nano_u.errors import DeployError, MissingDependencyError


def test_the_graph_is_connected_from_input_to_output(tiny: Any) -> None:
    graph = read_graph(tiny.tflite)
    known = set(graph.inputs) | {index for index, tensor in enumerate(graph.tensors) if tensor.is_constant}

    for operator in graph.operators:
        assert set(operator.inputs) <= known
        known |= set(operator.outputs)

    assert set(graph.outputs) <= known
    assert graph.output.name == "logits"


@pytest.mark.parametrize("content", [b"", b"<html>not a model</html>", b"\0" * 100])
def test_other_bytes_are_not_a_model(content: bytes) -> None:
    with pytest.raises(DeployError, match="not a TensorFlow Lite model: no identifier TFL3"):
        read_graph(content)


def test_a_header_alone_is_damaged() -> None:
    with pytest.raises(DeployError, match="damaged TensorFlow Lite model"):
        read_graph(b"\xff\xff\xff\x00TFL3")


def test_damage_is_refused_or_read_but_never_breaks_out(tiny: Any) -> None:
    draw = random.Random(0)
    for _ in range(40):
        content = bytearray(tiny.tflite)
        for _ in range(8):
            content[draw.randrange(len(content))] = draw.randrange(256)
        with contextlib.suppress(DeployError):
            read_graph(bytes(content))


def test_a_truncated_file_is_refused(tiny: Any) -> None:
    with pytest.raises(DeployError, match="TensorFlow Lite model"):
        read_graph(tiny.tflite[: len(tiny.tflite) // 2])


def test_a_missing_reader_names_the_extra(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ai_edge_litert

    monkeypatch.delattr(ai_edge_litert, "schema_py_generated", raising=False)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'nano-u\[deploy\]'"):
        read_graph(tiny.tflite)
