from __future__ import annotations

import pytest

from nano_u.errors import DeployError
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor


def tensor(name: str) -> QuantizedTensor:
    return QuantizedTensor(name, (2, 2, 1), 1.0, 0)


def relu(source: str, output: str) -> QuantizedOp:
    return QuantizedOp("RELU", (source,), output)


def test_a_graph_knows_its_input_and_its_tensors() -> None:
    graph = QuantizedGraph((tensor("x"), tensor("a"), tensor("b")), (relu("x", "a"), relu("x", "b")), "a")

    assert graph.input == "x"
    assert graph.by_name["b"] == tensor("b")


@pytest.mark.parametrize(
    ("names", "ops", "output", "text"),
    [
        ("xaa", [relu("x", "a"), relu("a", "a")], "a", "two tensors are called 'a'"),
        ("x", [], "x", "the tensors of an int8 graph must be its input and then each operator's output"),
        ("xba", [relu("x", "a"), relu("a", "b")], "b", "the tensors of an int8 graph must be its input and then"),
        ("xab", [relu("b", "a"), relu("x", "b")], "b", "layer 'a': reads 'b', which no operator before it gives"),
        ("xa", [relu("a", "a")], "a", "layer 'a': reads 'a', which no operator before it gives"),
        ("xa", [relu("x", "a")], "b", "the output 'b' is no tensor of the graph"),
    ],
)
def test_graphs_that_do_not_hang_together_are_refused(
    names: str, ops: list[QuantizedOp], output: str, text: str
) -> None:
    with pytest.raises(DeployError, match=f"^{text}"):
        QuantizedGraph(tuple(tensor(name) for name in names), tuple(ops), output)


def test_every_operator_is_checked() -> None:
    wide = QuantizedTensor("a", (2, 2, 3), 1.0, 0)

    with pytest.raises(DeployError, match=r"^layer 'a': RELU gives \(2, 2, 1\), but its output is \(2, 2, 3\)$"):
        QuantizedGraph((tensor("x"), wide), (relu("x", "a"),), "a")
