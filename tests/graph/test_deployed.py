from __future__ import annotations

import pytest

from nano_u.graph.architectures import nano_u
from nano_u.graph.deployed import deploy
from nano_u.graph.record import Architecture, Node

CONV = Node("c", "conv2d", ("x",), filters=4, use_bias=True)


def network(*nodes: Node, outputs: tuple[str, ...] | None = None) -> Architecture:
    """`nodes` behind an input `x` of (16, 16, 4)."""
    return Architecture("net", (Node("x", "input", shape=(16, 16, 4)), *nodes), outputs or (nodes[-1].name,))


# What the TensorFlow Lite converter (2.21) made of the same Keras layers: operators, in order.
CONVERTED = {
    "BatchNorm and ReLU fold into the convolution before them": (
        [CONV, Node("b", "batch_norm", ("c",)), Node("r", "relu", ("b",))],
        ["conv2d"],
    ),
    "also into a transposed convolution and a dense layer": (
        [
            Node("t", "conv2d_transpose", ("x",), filters=4, window=(3, 3), strides=(2, 2)),
            Node("tb", "batch_norm", ("t",)),
            Node("tr", "relu", ("tb",)),
            Node("d", "dense", ("tr",), filters=3),
            Node("db", "batch_norm", ("d",)),
            Node("dr", "relu6", ("db",)),
        ],
        ["conv2d_transpose", "dense"],
    ),
    "BatchNorm on the input is a multiplication and an addition": (
        [Node("b", "batch_norm", ("x",)), Node("c", "conv2d", ("b",), filters=4)],
        ["batch_norm", "batch_norm", "conv2d"],
    ),
    "BatchNorm behind a pool too, and its addition takes the ReLU": (
        [
            CONV,
            Node("p", "max_pool2d", ("c",), window=(2, 2), strides=(2, 2)),
            Node("b", "batch_norm", ("p",)),
            Node("r", "relu", ("b",)),
        ],
        ["conv2d", "max_pool2d", "batch_norm", "batch_norm"],
    ),
    "BatchNorm behind a fused ReLU cannot fold": (
        [CONV, Node("r", "relu", ("c",)), Node("b", "batch_norm", ("r",))],
        ["conv2d", "batch_norm", "batch_norm"],
    ),
    "a pool takes a ReLU": (
        [
            CONV,
            Node("p", "average_pool2d", ("c",), window=(2, 2), strides=(2, 2)),
            Node("r", "relu", ("p",)),
        ],
        ["conv2d", "average_pool2d"],
    ),
    "an addition takes a ReLU": (
        [
            CONV,
            Node("c2", "conv2d", ("c",), filters=4),
            Node("a", "add", ("c", "c2")),
            Node("r", "relu", ("a",)),
        ],
        ["conv2d", "conv2d", "add"],
    ),
    "a concatenation does not": (
        [
            CONV,
            Node("c2", "conv2d", ("c",), filters=4),
            Node("k", "concat", ("c", "c2")),
            Node("r", "relu", ("k",)),
        ],
        ["conv2d", "conv2d", "concat", "relu"],
    ),
    "nothing folds into a convolution that somebody else reads too": (
        [
            CONV,
            Node("b", "batch_norm", ("c",)),
            Node("r", "relu", ("b",)),
            Node("k", "concat", ("c", "r")),
        ],
        ["conv2d", "batch_norm", "batch_norm", "concat"],
    ),
    "BatchNorm folds and its ReLU stays where both are read": (
        [
            CONV,
            Node("b", "batch_norm", ("c",)),
            Node("r", "relu", ("b",)),
            Node("k", "concat", ("b", "r")),
        ],
        ["conv2d", "relu", "concat"],
    ),
    "only one activation folds": (
        [CONV, Node("r", "relu", ("c",)), Node("r6", "relu6", ("r",))],
        ["conv2d", "relu6"],
    ),
    "a sigmoid never folds": ([CONV, Node("s", "sigmoid", ("c",))], ["conv2d", "sigmoid"]),
    "a separable convolution is two": (
        [Node("s", "separable_conv2d", ("x",), filters=4, window=(3, 3)), Node("b", "batch_norm", ("s",))],
        ["depthwise_conv2d", "conv2d"],
    ),
    "identities disappear, also between what folds": (
        [CONV, Node("i", "identity", ("c",)), Node("b", "batch_norm", ("i",)), Node("j", "identity", ("b",))],
        ["conv2d"],
    ),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_the_deployed_operators_are_those_of_the_converter(case: str) -> None:
    nodes, expected = CONVERTED[case]

    graph = deploy(network(*nodes))

    assert [op.op for op in graph.ops] == expected


def test_an_output_in_the_middle_is_not_folded_away() -> None:
    folded = [CONV, Node("b", "batch_norm", ("c",)), Node("r", "relu", ("b",))]

    graph = deploy(network(*folded, outputs=("c", "r")))

    assert [op.op for op in graph.ops] == ["conv2d", "batch_norm", "batch_norm"]
    assert graph.outputs == ("c", "b")  # the ReLU is fused into the addition that `b` ends with


def test_layers_that_no_output_needs_are_left_out() -> None:
    graph = deploy(network(CONV, Node("lost", "conv2d", ("x",), filters=9), outputs=("c",)))

    assert [op.name for op in graph.ops] == ["c"]


def test_an_output_that_is_an_identity_is_its_source() -> None:
    graph = deploy(network(CONV, Node("i", "identity", ("c",))))

    assert graph.outputs == ("c",)
    assert graph.ops[0].layers == ("c", "i")


def test_every_convolution_gets_a_bias_of_four_bytes_a_channel() -> None:
    graph = deploy(network(Node("c", "conv2d", ("x",), filters=6, window=(3, 3))))

    assert graph.ops[0].weight_bytes == 3 * 3 * 4 * 6 + 4 * 6


def test_probes_leave_the_deployed_network_as_it_was() -> None:
    plain, probed = deploy(nano_u()), deploy(nano_u(enable_probes=True))

    assert [(op.name, op.op, op.inputs) for op in probed.ops] == [(op.name, op.op, op.inputs) for op in plain.ops]


def test_the_default_net_deploys_as_exactly_four_kinds_of_operators() -> None:
    assert {op.op for op in deploy(nano_u()).ops} == {"conv2d", "depthwise_conv2d", "max_pool2d", "upsample_nearest"}
