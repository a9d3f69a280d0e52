from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.cost import layer_costs, parameters, summarise
from nano_u.graph.record import Architecture, Node

PUBLISHED = nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[(2, 2), (2, 2), (3, 2)])


@pytest.mark.parametrize(
    ("architecture", "expected_parameters", "expected_macs", "peak"),
    [
        (nano_u(), 17_112, 11_074_560, 196_608),
        (PUBLISHED, 4_212, 2_399_200, 76_800),
        (bu_net(), 363_176, 88_992_768, 589_824),
        (nano_u(upsample="after_pointwise"), 17_960, 9_624_576, 98_304),
    ],
)
def test_the_totals_are_the_published_ones(
    architecture: Architecture, expected_parameters: int, expected_macs: int, peak: int
) -> None:
    summary = summarise(architecture)

    assert (summary.parameters, summary.macs, summary.peak_activation_bytes) == (
        expected_parameters,
        expected_macs,
        peak,
    )


def slow_totals(
    shape: tuple[int, int, int], filters: list[int], bottleneck: int, blocks: int, pools: list[tuple[int, int]]
) -> tuple[int, int]:
    """Parameters and MACs of a Nano-U without skips, multiplied out stage by stage without any record."""
    height, width, channels = shape
    held = macs = 0
    sizes = []
    stages = [*filters, bottleneck, *reversed(filters)]
    for stage, wide in enumerate(stages):
        if stage > len(filters):
            height, width = sizes.pop()
        for _ in range(blocks):
            held += 9 * channels + 4 * channels + channels * wide + 4 * wide
            macs += height * width * (9 * channels + channels * wide)
            channels = wide
        if stage < len(filters):
            sizes.append((height, width))
            height, width = height // pools[stage][0], width // pools[stage][1]
    return held + channels + 1, macs + height * width * channels


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 9),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=3, max_size=3),
)
def test_parameters_and_macs_equal_an_independent_loop(
    filters: list[int], bottleneck: int, blocks: int, pools: list[tuple[int, int]]
) -> None:
    pools = pools[: len(filters)]
    shape = (2 * math.prod(pool[0] for pool in pools), 3 * math.prod(pool[1] for pool in pools), 3)

    summary = summarise(nano_u(shape, filters, bottleneck, blocks_per_stage=blocks, pool_sizes=pools))

    assert (summary.parameters, summary.macs) == slow_totals(shape, filters, bottleneck, blocks, pools)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node("n", "conv2d", ("x",), filters=5, window=(3, 2)), 3 * 2 * 4 * 5),
        (Node("n", "conv2d", ("x",), filters=5, window=(3, 2), use_bias=True), 3 * 2 * 4 * 5 + 5),
        (Node("n", "depthwise_conv2d", ("x",), window=(3, 3), use_bias=True), 9 * 4 + 4),
        (Node("n", "separable_conv2d", ("x",), filters=5, window=(3, 3), use_bias=True), 9 * 4 + 4 * 5 + 5),
        (Node("n", "conv2d_transpose", ("x",), filters=5, window=(2, 2), strides=(2, 2)), 4 * 4 * 5),
        (Node("n", "dense", ("x",), filters=5, use_bias=True), 4 * 5 + 5),
        (Node("n", "batch_norm", ("x",)), 4 * 4),
        (Node("n", "batch_norm", ("x",), parameters=12), 12),
        (Node("n", "opaque", ("x",), shape=(3,), parameters=77), 77),
        (Node("n", "relu", ("x",)), 0),
    ],
)
def test_parameters_of_one_layer(node: Node, expected: int) -> None:
    net = Architecture("net", (Node("x", "input", shape=(8, 8, 4)), node), ("n",))

    assert parameters(net, node) == expected
    assert summarise(net).parameters == expected


@pytest.mark.parametrize(
    ("node", "macs", "weight_bytes"),
    [
        (Node("n", "conv2d", ("x",), filters=5, window=(3, 3), strides=(2, 2)), 16 * 9 * 4 * 5, 9 * 4 * 5 + 20),
        (Node("n", "depthwise_conv2d", ("x",), window=(3, 3)), 64 * 9 * 4, 9 * 4 + 16),
        (Node("n", "separable_conv2d", ("x",), filters=5, window=(3, 3)), 64 * (36 + 20), 36 + 16 + 20 + 20),
        (
            Node("n", "conv2d_transpose", ("x",), filters=5, window=(3, 3), strides=(2, 2)),
            64 * 9 * 4 * 5,
            9 * 4 * 5 + 20,
        ),
        (Node("n", "dense", ("x",), filters=5), 64 * 4 * 5, 4 * 5 + 20),
        (Node("n", "batch_norm", ("x",)), 0, 4 + 4),
        (Node("n", "max_pool2d", ("x",), window=(2, 2), strides=(2, 2)), 0, 0),
    ],
)
def test_macs_and_weight_bytes_of_one_operator(node: Node, macs: int, weight_bytes: int) -> None:
    summary = summarise(Architecture("net", (Node("x", "input", shape=(8, 8, 4)), node), ("n",)))

    assert (summary.macs, summary.weight_bytes) == (macs, weight_bytes)


@pytest.mark.parametrize("architecture", [nano_u(skips=True, enable_probes=True), bu_net(), PUBLISHED])
def test_the_rows_add_up_to_the_totals(architecture: Architecture) -> None:
    rows, summary = layer_costs(architecture), summarise(architecture)

    assert sum(row.parameters for row in rows) == summary.parameters
    assert sum(row.macs for row in rows) == summary.macs
    assert sum(row.weight_bytes for row in rows) == summary.weight_bytes
    assert max(row.activation_bytes for row in rows) == summary.peak_activation_bytes
    stood_for = [name for row in rows for name in row.layers]
    assert sorted(stood_for) == sorted(node.name for node in architecture.nodes if node.op != "input")


@pytest.mark.parametrize(("architecture", "published"), [(PUBLISHED, 84_676), (nano_u(), 205_812)])
def test_the_arena_estimate_is_within_a_thousandth_of_the_published_ones(
    architecture: Architecture, published: int
) -> None:
    assert summarise(architecture).arena_estimate_bytes == pytest.approx(published, rel=1e-3)


def test_the_arena_estimate_with_skips_knows_that_the_planner_leaves_gaps() -> None:
    assert summarise(nano_u(skips=True)).arena_estimate_bytes == pytest.approx(356_000, rel=0.01)


@pytest.mark.parametrize(
    ("architecture", "converted"),
    [
        (nano_u(), 45_936),
        (PUBLISHED, 31_624),
        (nano_u(skips=True), 50_368),
        (nano_u(upsample="after_pointwise"), 48_008),
        (bu_net(), 485_344),
    ],
)
def test_the_flash_estimate_is_near_the_converted_file(architecture: Architecture, converted: int) -> None:
    assert summarise(architecture).flash_estimate_bytes == pytest.approx(converted, rel=0.04)


def test_layers_of_unknown_content_are_listed_not_guessed() -> None:
    unknown = Node("mystery", "opaque", ("x",), shape=(8, 8, 6))
    flatten = Node("flat", "opaque", ("mystery",), shape=(384,), parameters=0)
    net = Architecture("net", (Node("x", "input", shape=(8, 8, 4)), unknown, flatten), ("flat",))

    summary = summarise(net)

    assert summary.uncounted == ("mystery",)
    assert summary.peak_activation_bytes == 384 + 384


def test_a_network_that_returns_its_input_costs_only_that() -> None:
    summary = summarise(Architecture("net", (Node("x", "input", shape=(8, 8, 4)),), ("x",)))

    assert (summary.macs, summary.peak_activation_bytes, summary.peak_layer) == (0, 256, "x")
