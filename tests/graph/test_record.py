from __future__ import annotations

import json

import pytest

from nano_u.errors import ModelError
from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.record import Architecture, Node

INPUT = Node("x", "input", shape=(8, 10, 3))


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        (Node("n", "conv2d", ("x",), filters=5), (8, 10, 5)),
        (Node("n", "conv2d", ("x",), filters=5, window=(3, 3), strides=(2, 3)), (4, 4, 5)),
        (Node("n", "conv2d", ("x",), filters=5, window=(3, 3), strides=(2, 3), padding="valid"), (3, 3, 5)),
        (Node("n", "depthwise_conv2d", ("x",), window=(3, 3)), (8, 10, 3)),
        (Node("n", "separable_conv2d", ("x",), filters=7, window=(3, 3), padding="valid"), (6, 8, 7)),
        (Node("n", "conv2d_transpose", ("x",), filters=2, window=(3, 3), strides=(2, 3)), (16, 30, 2)),
        (Node("n", "max_pool2d", ("x",), window=(3, 3), strides=(3, 3), padding="valid"), (2, 3, 3)),
        (Node("n", "average_pool2d", ("x",), window=(3, 3), strides=(3, 3)), (3, 4, 3)),
        (Node("n", "upsample_nearest", ("x",), window=(3, 2)), (24, 20, 3)),
        (Node("n", "global_average_pool2d", ("x",)), (3,)),
        (Node("n", "dense", ("x",), filters=4), (8, 10, 4)),
        (Node("n", "concat", ("x", "x")), (8, 10, 6)),
        (Node("n", "add", ("x", "x")), (8, 10, 3)),
        (Node("n", "opaque", ("x",), shape=(7,)), (7,)),
    ],
)
def test_shapes_follow_the_rules_of_tensorflow(node: Node, shape: tuple[int, ...]) -> None:
    assert Architecture("net", (INPUT, node), ("n",)).shapes["n"] == shape


@pytest.mark.parametrize("architecture", [nano_u(skips=True, enable_probes=True), bu_net()])
def test_a_record_survives_json(architecture: Architecture) -> None:
    text = json.dumps(architecture.to_dict(), allow_nan=False)

    assert Architecture.from_dict(json.loads(text)) == architecture


def test_the_json_form_says_every_output_shape() -> None:
    nodes = {node["name"]: node for node in nano_u().to_dict()["nodes"]}

    assert nodes["encoder1_pool"]["output_shape"] == (24, 32, 16)
    assert nodes["logits"]["output_shape"] == (48, 64, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2"),
        ({"nodes": None}, "not an architecture record"),
        ({"nodes": [{"name": "x", "op": "input", "shape": [8, 8, 3]}, {"name": "y", "op": "conv3d"}]}, "'conv3d'"),
        ({"nodes": [{"name": "x", "op": "input", "shape": [8, 0, 3]}]}, "impossible values"),
        ({"nodes": [{"name": "x", "op": "input", "shape": [8, "8", 3]}]}, "impossible values"),
        ({"nodes": [{"name": "x", "op": "input", "shape": [8, 2**40, 3]}]}, "impossible values"),
        ({"nodes": [{"name": "x", "op": "input", "shape": [8, 8, 3], "colour": 1}]}, "colour"),
        ({"outputs": ["missing"]}, "missing"),
        ({"outputs": []}, "outputs"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(change: dict[str, object], reason: str) -> None:
    data = {"format": 1, "name": "net", "outputs": ["x"], "nodes": [{"name": "x", "op": "input", "shape": [8, 8, 3]}]}

    with pytest.raises(ModelError, match=reason) as caught:
        Architecture.from_dict({**data, **change})

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ((INPUT, Node("a", "relu", ("b",)), Node("b", "relu", ("x",))), "no layer before it"),
        ((INPUT, Node("x", "relu", ("x",))), "two layers are called 'x'"),
        ((INPUT, Node("a", "conv2d", ("x",), filters=2, window=(9, 9), padding="valid")), "does not fit"),
        ((INPUT, Node("g", "global_average_pool2d", ("x",)), Node("a", "conv2d", ("g",), filters=2)), "needs"),
        ((INPUT, Node("g", "global_average_pool2d", ("x",)), Node("a", "add", ("x", "g"))), "cannot add"),
        ((INPUT, Node("g", "global_average_pool2d", ("x",)), Node("a", "concat", ("x", "g"))), "cannot concatenate"),
        ((INPUT, Node("a", "conv2d", ("x",))), "number of filters"),
        ((INPUT, Node("a", "relu")), "needs an input"),
        ((Node("a", "opaque", shape=(3,)),), "has no input"),
    ],
)
def test_layers_that_do_not_fit_together_are_named(nodes: tuple[Node, ...], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        _ = Architecture("net", nodes, (nodes[-1].name,)).shapes


def test_other_widths_keep_everything_else() -> None:
    narrow = nano_u().with_filters({"encoder1_block1_pointwise": 5})

    assert narrow.shapes["encoder1_block2_depthwise"] == (48, 64, 5)
    assert narrow.shapes["logits"] == (48, 64, 1)
    with pytest.raises(ModelError, match="encoder9"):
        nano_u().with_filters({"encoder9": 5})
