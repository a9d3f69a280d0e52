from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.errors import ModelError
from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.cost import summarise
from nano_u.graph.price import narrowed, peak_remedy, price
from nano_u.graph.record import Architecture, Node


def network(*nodes: Node, channels: int = 3, outputs: tuple[str, ...] = ("end",)) -> Architecture:
    """`nodes` between an input `x` of (8, 8, channels) and a convolution `end` of one filter that reads the last."""
    end = Node("end", "conv2d", (nodes[-1].name,), filters=1, use_bias=True)
    return Architecture("net", (Node("x", "input", shape=(8, 8, channels)), *nodes, end), outputs)


def conv(name: str, filters: int, source: str = "x") -> Node:
    return Node(name, "conv2d", (source,), filters=filters)


def separable(bn_parameters: int | None = None) -> Architecture:
    """A pointwise convolution to 4 channels, its BatchNorm, and a depthwise one."""
    return network(
        conv("point", 4),
        Node("bn", "batch_norm", ("point",), parameters=bn_parameters),
        Node("relu", "relu", ("bn",)),
        Node("depth", "depthwise_conv2d", ("relu",), window=(3, 3)),
    )


def test_the_price_of_two_filters_is_what_their_own_and_their_readers_weights_cost() -> None:
    cost = price(separable(), {"point": 2})

    assert cost.parameters == -2 * (3 + 4 + 9 + 1)
    assert cost.macs == -2 * 64 * (3 + 9 + 1)
    assert cost.weight_bytes == -2 * (3 + 4) - 2 * (9 + 4) - 2
    assert cost.peak_activation_bytes == 64 * (3 + 2) - 64 * (4 + 4)


def test_the_price_holds_where_ram_peaks_before_and_after() -> None:
    moved, stays = price(separable(), {"point": 2}), price(nano_u(), {"bottleneck_block1_pointwise": 50})

    assert (moved.before.peak_layer, moved.after.peak_layer) == ("depth", "point")
    assert stays.before.peak_layer == stays.after.peak_layer == "decoder2_block1_depthwise"
    assert stays.peak_activation_bytes == 0


def test_the_price_in_memory_is_that_of_the_live_tensors() -> None:
    transposed = Node("t", "conv2d_transpose", ("x",), filters=4, window=(2, 2), strides=(2, 2))

    cost = price(network(transposed), {"t": 1})

    assert cost.peak_activation_bytes == -16 * 16


def test_removing_nothing_costs_nothing() -> None:
    cost = price(nano_u(), {"encoder1_block1_pointwise": 0, "logits": 0})

    assert cost.before == cost.after == price(nano_u(), {}).after


@pytest.mark.parametrize("vectors", [2, 3])
def test_a_batch_norm_without_scale_or_offset_gets_narrower_too(vectors: int) -> None:
    full, lean = price(separable(), {"point": 1}), price(separable(vectors * 4), {"point": 1})

    assert full.parameters == -(3 + 4 + 9 + 1)
    assert lean.parameters == -(3 + vectors + 9 + 1)


@given(
    widths=st.lists(st.tuples(st.integers(2, 9), st.integers(2, 9)), min_size=1, max_size=3),
    bottleneck=st.integers(2, 9),
    skips=st.booleans(),
    reduce=st.booleans(),
    cuts=st.lists(st.integers(0, 8), min_size=7, max_size=7),
)
def test_a_narrowed_nano_u_costs_what_one_built_that_narrow_costs(
    widths: list[tuple[int, int]], bottleneck: int, skips: bool, reduce: bool, cuts: list[int]
) -> None:
    def build(filters: list[int], bottleneck: int, decoder_filters: list[int]) -> Architecture:
        upsample = "after_pointwise" if reduce else "before_block"
        return nano_u((16, 24, 3), filters, bottleneck, decoder_filters=decoder_filters, skips=skips, upsample=upsample)

    down, up = [pair[0] for pair in widths], [pair[1] for pair in widths]
    lost = [min(cut, width - 1) for cut, width in zip(cuts, [*down, bottleneck, *up], strict=False)]
    stages = [f"encoder{stage}" for stage in range(1, len(down) + 1)]
    stages += ["bottleneck", *(f"decoder{stage}" for stage in range(1, len(up) + 1))]
    net = build(down, bottleneck, up)
    removed = {
        node.name: count
        for stage, count in zip(stages, lost, strict=True)
        for node in net.nodes
        if node.name.startswith(stage) and node.filters is not None
    }
    left = [width - count for width, count in zip([*down, bottleneck, *up], lost, strict=True)]

    cost = price(net, removed)

    depth = len(down)
    assert cost.after == summarise(build(left[:depth], left[depth], left[depth + 1 :]))
    assert cost.before == summarise(net)


def residual() -> Architecture:
    return network(
        *(conv("a", 4), conv("b", 4, "a"), Node("sum", "add", ("a", "b")), conv("c", 4, "sum")),
        Node("flat", "opaque", ("c",), shape=(8, 8, 4), parameters=0),
    )


def test_layers_added_to_each_other_are_narrowed_alike() -> None:
    narrow = narrowed(residual(), {"a": 3, "b": 3})

    assert narrow.shapes["sum"] == (8, 8, 1)
    assert narrow.shapes["c"] == (8, 8, 4)


@pytest.mark.parametrize(
    ("removed", "reason"),
    [
        ({"a": 3}, "a would lose 3 filters and b 0, but their channels are added .* same number from both"),
        ({"a": 3, "b": 2}, "a would lose 3 filters and b 2"),
        ({"a": 4, "b": 4}, "a: cannot lose 4 of its 4 filters; 0 to 3 can go"),
        ({"a": -1, "b": -1}, "a: cannot lose -1"),
        ({"c": 1}, "c: its channels cannot be removed: flat reads them, and what it does is unknown"),
        ({"sum": 1}, "sum: has no filters to remove; its channels are made by a, b"),
        ({"x": 1}, "x: has no filters to remove$"),
        ({"ends": 1}, "no layer called 'ends'; did you mean 'end'"),
    ],
)
def test_a_removal_that_is_impossible_is_refused_with_the_remedy(removed: dict[str, int], reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        price(residual(), removed)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("net", "upsample", "filters", "peaks"),
    [
        (nano_u(), "decoder2_upsample", 16, (196_608, 98_304)),
        (nano_u(skips=True), "decoder2_upsample", 16, (294_912, 196_608)),
        (bu_net(), "decoder3_upsample", 32, (589_824, 393_216)),
        (nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[2, 2, (3, 2)]), "decoder3_upsample", 4, (76_800, 38_400)),
    ],
)
def test_narrowing_before_the_last_upsampling_lowers_the_peak(
    net: Architecture, upsample: str, filters: int, peaks: tuple[int, int]
) -> None:
    remedy = peak_remedy(net)

    assert remedy is not None
    assert (remedy.upsample, remedy.filters) == (upsample, filters)
    assert (remedy.price.before.peak_activation_bytes, remedy.price.after.peak_activation_bytes) == peaks
    assert remedy.price.before == summarise(net)
    assert remedy.price.after == summarise(remedy.architecture)


def test_the_price_of_the_remedy_for_the_default_network() -> None:
    remedy = peak_remedy(nano_u())

    assert remedy is not None
    assert remedy.price.parameters == (32 * 16 + 4 * 16) - 16 * (9 + 4 + 16)
    assert remedy.price.macs == 24 * 32 * 32 * 16 - 48 * 64 * 16 * (9 + 16)
    assert remedy.price.weight_bytes == (32 * 16 + 4 * 16) - 16 * (9 + 4 + 16)


@given(
    encoder=st.integers(1, 8),
    bottleneck=st.integers(1, 24),
    decoder=st.integers(1, 8),
    skips=st.booleans(),
    blocks=st.integers(1, 2),
)
def test_the_remedy_of_a_single_stage_is_nano_u_with_the_upsampling_after_the_pointwise(
    encoder: int, bottleneck: int, decoder: int, skips: bool, blocks: int
) -> None:
    def build(upsample: str) -> Architecture:
        return nano_u(
            (8, 8, 3),
            [encoder],
            bottleneck,
            blocks_per_stage=blocks,
            decoder_filters=[decoder],
            skips=skips,
            upsample=upsample,  # type: ignore[arg-type]
        )

    plain, other = build("before_block"), build("after_pointwise")
    lowers = summarise(other).peak_activation_bytes < summarise(plain).peak_activation_bytes

    remedy = peak_remedy(plain)

    assert (remedy is not None) == (lowers and decoder < bottleneck)
    assert remedy is None or remedy.architecture == other


def up(name: str, source: str) -> Node:
    return Node(name, "upsample_bilinear", (source,), window=(4, 4))


def test_upsamplings_are_found_behind_whatever_passes_channels_on() -> None:
    net = network(
        conv("wide", 16),
        up("bigger", "wide"),
        Node("probe", "identity", ("bigger",)),
        Node("bn", "batch_norm", ("probe",), parameters=2 * 16),
        Node("both", "concat", ("bn", "bn")),
        Node("sep", "separable_conv2d", ("both",), filters=2),
    )

    remedy = peak_remedy(net)

    assert remedy is not None
    assert (remedy.upsample, remedy.filters) == ("bigger", 2)
    assert remedy.architecture.shapes["both"] == (32, 32, 4)
    assert remedy.architecture.by_name["bn"].parameters == 2 * 2
    assert remedy.architecture.by_name["bigger"] == up("bigger", "bigger_reduce_relu")


def test_the_widest_reader_decides_and_the_new_names_are_free() -> None:
    net = network(
        conv("a_reduce_bn", 16),
        up("a_upsample", "a_reduce_bn"),
        conv("thin", 2, "a_upsample"),
        conv("thick", 5, "a_upsample"),
        Node("both", "concat", ("thin", "thick")),
        conv("later", 7, "both"),
    )

    remedy = peak_remedy(net)

    assert remedy is not None
    assert remedy.filters == 5
    assert remedy.architecture.by_name["a_upsample"].inputs == ("a_reduce__relu",)


def test_of_two_upsamplings_the_one_that_lowers_the_peak_most_is_chosen() -> None:
    net = network(
        *(conv("low", 12), up("up1", "low"), conv("high", 16), up("up2", "high")),
        *(Node("both", "concat", ("up1", "up2")), conv("thin", 2, "both")),
    )

    remedy = peak_remedy(net)

    assert remedy is not None
    assert remedy.upsample == "up2"
    assert remedy.price.peak_activation_bytes == -2 * 14 * 32 * 32


UP = up("up", "wide")


@pytest.mark.parametrize(
    "net",
    [
        nano_u(upsample="after_pointwise"),
        network(conv("a", 4), conv("b", 8, "a")),
        network(conv("wide", 4), UP, conv("n", 4, "up")),
        network(conv("wide", 16), UP, conv("n", 2, "up"), conv("equal", 16, "n")),
        network(conv("wide", 16), UP, conv("n", 2, "up"), outputs=("end", "up")),
        network(conv("wide", 16), UP, Node("n", "opaque", ("up",), shape=(32, 32, 16), parameters=0)),
        network(conv("wide", 16), conv("low", 16), UP, up("up2", "low"), Node("sum", "add", ("up", "up2"))),
        network(conv("wide", 16), UP, outputs=("up",)),
        Architecture("net", (Node("x", "input", shape=(8, 8, 4)),), ("x",)),
    ],
    ids=["narrow", "no upsampling", "as wide", "equal peak", "output", "opaque", "added", "last", "empty"],
)
def test_there_is_no_remedy_where_a_narrower_upsampling_is_impossible_or_no_help(net: Architecture) -> None:
    assert peak_remedy(net) is None


def test_long_chains_of_additions_take_no_time() -> None:
    nodes = [conv("wide", 16), UP]
    for index in range(60):
        before = nodes[-1].name
        nodes += [Node(f"relu{index}", "relu", (before,)), Node(f"sum{index}", "add", (before, f"relu{index}"))]

    remedy = peak_remedy(network(*nodes))

    assert remedy is not None
    assert remedy.filters == 1
