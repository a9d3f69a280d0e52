from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.errors import ModelError
from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.channel_groups import ChannelSource, channel_sources
from nano_u.graph.price import narrowed
from nano_u.graph.record import Architecture, Node


def network(*nodes: Node, outputs: tuple[str, ...] = ("end",)) -> Architecture:
    """`nodes` between an input `x` of (8, 8, 3) and a convolution `end` that reads the last of them."""
    end = Node("end", "conv2d", (nodes[-1].name,), filters=1)
    return Architecture("net", (Node("x", "input", shape=(8, 8, 3)), *nodes, end), outputs)


def conv(name: str, filters: int, source: str = "x") -> Node:
    return Node(name, "conv2d", (source,), filters=filters)


def add(name: str, *sources: str) -> Node:
    return Node(name, "add", sources)


def concat(name: str, *sources: str) -> Node:
    return Node(name, "concat", sources)


def residual_net() -> Architecture:
    """A stem of 4 channels to which two blocks add theirs."""
    return network(
        conv("stem", 4),
        conv("one_wide", 6, "stem"),
        conv("one", 4, "one_wide"),
        add("sum1", "stem", "one"),
        conv("two", 4, "sum1"),
        add("sum2", "sum1", "two"),
    )


@pytest.mark.parametrize(
    "node",
    [
        conv("n", 5),
        Node("n", "separable_conv2d", ("x",), filters=5, window=(3, 3)),
        Node("n", "conv2d_transpose", ("x",), filters=5, window=(2, 2), strides=(2, 2)),
        Node("n", "dense", ("x",), filters=5),
    ],
)
def test_a_layer_with_filters_makes_its_channels(node: Node) -> None:
    assert channel_sources(network(node), "n") == (ChannelSource(("n",), 0, 5, None),)


@pytest.mark.parametrize(
    "node",
    [
        Node("n", "depthwise_conv2d", ("c",), window=(3, 3)),
        Node("n", "batch_norm", ("c",)),
        Node("n", "relu", ("c",)),
        Node("n", "relu6", ("c",)),
        Node("n", "sigmoid", ("c",)),
        Node("n", "identity", ("c",)),
        Node("n", "max_pool2d", ("c",), window=(2, 2), strides=(2, 2)),
        Node("n", "average_pool2d", ("c",), window=(2, 2), strides=(2, 2)),
        Node("n", "upsample_nearest", ("c",), window=(2, 2)),
        Node("n", "upsample_bilinear", ("c",), window=(2, 2)),
    ],
)
def test_a_layer_without_filters_passes_channels_on(node: Node) -> None:
    assert channel_sources(network(conv("c", 5), node), "n") == (ChannelSource(("c",), 0, 5, None),)


def test_a_pool_over_the_whole_image_passes_channels_on() -> None:
    pool = Node("pool", "global_average_pool2d", ("c",))
    net = Architecture(
        "net", (*network(conv("c", 5)).nodes[:2], pool, Node("d", "dense", ("pool",), filters=2)), ("d",)
    )

    assert channel_sources(net, "pool") == (ChannelSource(("c",), 0, 5, None),)


def test_a_concatenation_has_the_channels_of_its_inputs_one_after_the_other() -> None:
    net = network(conv("a", 2), conv("b", 3), concat("inner", "a", "b"), concat("outer", "inner", "x", "a"))

    assert channel_sources(net, "outer") == (
        ChannelSource(("a",), 0, 2, None),
        ChannelSource(("b",), 2, 5, None),
        ChannelSource((), 5, 8, "they come from the input x"),
        ChannelSource(("a",), 8, 10, None),
    )


@pytest.mark.parametrize("tensor", ["stem", "one", "sum1", "two", "sum2"])
def test_all_layers_of_a_chain_of_additions_are_narrowed_together(tensor: str) -> None:
    assert channel_sources(residual_net(), tensor) == (ChannelSource(("stem", "one", "two"), 0, 4, None),)


def test_all_terms_of_an_addition_are_narrowed_together() -> None:
    net = network(conv("a", 2), conv("b", 2), conv("c", 2), add("sum", "c", "a", "b"))

    assert channel_sources(net, "sum") == (ChannelSource(("a", "b", "c"), 0, 2, None),)


def test_a_layer_inside_a_residual_block_is_free() -> None:
    assert channel_sources(residual_net(), "one_wide") == (ChannelSource(("one_wide",), 0, 6, None),)


def test_an_addition_of_concatenations_couples_segment_by_segment() -> None:
    net = network(
        *(conv("a", 2), conv("b", 3), conv("c", 2), conv("d", 3)),
        *(concat("ab", "a", "b"), concat("cd", "c", "d"), add("sum", "ab", "cd")),
    )

    assert channel_sources(net, "sum") == (
        ChannelSource(("a", "c"), 0, 2, None),
        ChannelSource(("b", "d"), 2, 5, None),
    )


def test_segments_that_do_not_line_up_are_fixed_and_the_others_stay_free() -> None:
    net = network(
        *(conv("a", 2), conv("b", 1), conv("c", 4), conv("d", 2), conv("e", 2), conv("f", 3)),
        *(concat("abc", "a", "b", "c"), concat("def", "d", "e", "f"), add("sum", "abc", "def")),
    )
    reason = "sum adds them to channels that other layers make in other portions"

    assert channel_sources(net, "sum") == (
        ChannelSource(("a", "d"), 0, 2, None),
        ChannelSource(("b", "c", "e", "f"), 2, 7, reason),
    )
    assert channel_sources(net, "abc")[2] == ChannelSource(("b", "c", "e", "f"), 3, 7, reason)


@pytest.mark.parametrize("terms", [("whole", "parts"), ("parts", "whole")])
def test_a_layer_added_to_a_concatenation_does_not_line_up_with_it(terms: tuple[str, str]) -> None:
    net = network(conv("a", 2), conv("b", 3), concat("parts", "a", "b"), conv("whole", 5), add("sum", *terms))

    assert channel_sources(net, "sum")[0].fixed == "sum adds them to channels that other layers make in other portions"


def test_an_addition_to_fixed_channels_fixes_those_added() -> None:
    net = network(conv("a", 3), conv("b", 3), add("early", "a", "b"), add("late", "b", "x"))

    assert channel_sources(net, "early") == (ChannelSource(("a", "b"), 0, 3, "they come from the input x"),)


FLATTEN = Node("flat", "opaque", ("relu",), shape=(320,), parameters=0)


def test_channels_that_a_layer_of_unknown_content_reads_or_makes_are_fixed() -> None:
    nodes = (Node("x", "input", shape=(8, 8, 3)), conv("c", 5), Node("relu", "relu", ("c",)), FLATTEN)
    net = Architecture("net", (*nodes, Node("d", "dense", ("flat",), filters=2), add("s", "d", "d")), ("s",))

    assert channel_sources(net, "c")[0].fixed == "flat reads them, and what it does is unknown"
    assert channel_sources(net, "flat") == (ChannelSource((), 0, 320, "flat makes them, and what it does is unknown"),)
    assert channel_sources(net, "d") == (ChannelSource(("d",), 0, 2, "they are an output of the network, s"),)


def test_every_output_of_a_network_is_fixed() -> None:
    net = network(conv("a", 2), conv("b", 3), concat("both", "a", "b"), outputs=("end", "b"))

    assert [source.fixed is None for source in channel_sources(net, "both")] == [True, False]
    assert channel_sources(net, "end")[0].fixed == "they are an output of the network, end"


def test_a_number_without_axes_has_no_channels() -> None:
    net = network(conv("a", 2), Node("total", "opaque", ("a",), shape=()), outputs=("a", "total"))
    net = Architecture("net", net.nodes[:-1], net.outputs)

    assert channel_sources(net, "total") == ()


@pytest.mark.parametrize(
    "again", [conv("c#2", 3, "a"), Node("c#2", "depthwise_conv2d", ("a",)), Node("c#2", "batch_norm", ("a",))]
)
def test_what_a_layer_that_runs_twice_makes_and_reads_is_fixed(again: Node) -> None:
    first = Node("c", again.op, ("b",), filters=again.filters)
    second = Node("c#2", again.op, ("a",), filters=again.filters, parameters=0)
    net = network(conv("a", 3), conv("b", 3), first, second, conv("d", 2, "c#2"), add("s", "c", "c#2"), conv("e", 9))
    reason = "c makes or reads them, a layer that runs more than once"

    assert {name: channel_sources(net, name)[0].fixed for name in ("b", "c", "d", "e")} == {
        "b": reason,
        "c": reason,
        "d": None,
        "e": None,
    }
    assert channel_sources(net, "a")[0].fixed is not None


def test_a_decoder_with_skips_reads_two_stages() -> None:
    assert channel_sources(nano_u(skips=True), "decoder2_block1_depthwise_relu") == (
        ChannelSource(("decoder1_block2_pointwise",), 0, 32, None),
        ChannelSource(("encoder1_block2_pointwise",), 32, 48, None),
    )
    assert channel_sources(bu_net(), "decoder1_concat") == (
        ChannelSource(("bottleneck_block3_pointwise",), 0, 256, None),
        ChannelSource(("encoder3_block3_pointwise",), 256, 384, None),
    )


@pytest.mark.parametrize("net", [nano_u(), nano_u(skips=True, upsample="after_pointwise"), bu_net()])
def test_every_layer_of_an_encoder_decoder_but_the_last_can_be_narrowed_alone(net: Architecture) -> None:
    with_filters = [node for node in net.nodes if node.filters is not None]

    sources = [channel_sources(net, node.name) for node in with_filters]

    assert sources[:-1] == [(ChannelSource((node.name,), 0, node.filters or 0, None),) for node in with_filters[:-1]]
    assert sources[-1][0].fixed == "they are an output of the network, logits"


def test_an_unknown_tensor_brings_up_the_names_near_it() -> None:
    with pytest.raises(ModelError, match="nano_u: no layer called 'logit'; did you mean 'logits'"):
        channel_sources(nano_u(), "logit")
    with pytest.raises(ModelError, match=r"net: no layer called 'qqq'; it has x, a, end$"):
        channel_sources(network(conv("a", 2)), "qqq")


KINDS = [*["conv2d"] * 4, *["add"] * 4, *["concat"] * 3, "batch_norm", "depthwise_conv2d", "opaque"]


@st.composite
def networks(draw: st.DrawFn) -> Architecture:
    """Random networks of up to 16 layers on one resolution, with skips, additions and sometimes two outputs."""
    nodes = [conv("first", draw(st.integers(1, 3)))]
    widths = {"first": nodes[0].filters or 0, "x": 3}
    for index in range(draw(st.integers(2, 14))):
        name, kind = f"n{index}", draw(st.sampled_from(KINDS))
        source = nodes[-1].name if draw(st.booleans()) else draw(st.sampled_from(sorted(widths)))
        width = widths[source]
        if kind == "conv2d":
            width = draw(st.integers(1, 3))
            node = conv(name, width, source)
        elif kind == "add":
            node = add(name, source, draw(st.sampled_from([one for one in widths if widths[one] == width])))
        elif kind == "concat":
            node = concat(name, source, *draw(st.lists(st.sampled_from(sorted(widths)), min_size=1, max_size=2)))
            width = sum(widths[one] for one in node.inputs)
        else:
            node = Node(name, kind, (source,), shape=(8, 8, width) if kind == "opaque" else None)
        nodes.append(node)
        widths[name] = width
    seldom = [draw(st.sampled_from(sorted(widths)))] if draw(st.integers(0, 3)) == 3 else []
    return network(*nodes, outputs=("end", *seldom))


Channel = tuple[str, int]


def same_channels(net: Architecture) -> list[tuple[Channel, Channel]]:
    """Pairs of single channels, each a layer's name and a number, that exist only together."""
    width = {name: shape[-1] for name, shape in net.shapes.items()}
    pairs = []
    for node in net.nodes:
        if node.op in ("input", "opaque", "conv2d"):
            continue
        read = [(name, index) for name in node.inputs for index in range(width[name])]
        pairs += [(channel, (node.name, place % width[node.name])) for place, channel in enumerate(read)]
    return pairs


def slow_classes(net: Architecture) -> dict[Channel, int]:
    """A number for every single channel; equal where channels exist only together. Repeats until nothing changes."""
    channels = [(name, index) for name, shape in net.shapes.items() for index in range(shape[-1])]
    number = {channel: place for place, channel in enumerate(channels)}
    changed = True
    while changed:
        changed = False
        for one, other in same_channels(net):
            least = min(number[one], number[other])
            changed = changed or {number[one], number[other]} != {least}
            number[one] = number[other] = least
    return number


def is_obstacle(net: Architecture, name: str) -> bool:
    """Whether the channels of this tensor come from or go to where they cannot be cut."""
    readers = [net.by_name[reader].op for reader in net.consumers[name]]
    return net.by_name[name].op in ("input", "opaque") or name in net.outputs or "opaque" in readers


@given(networks())
def test_sources_cover_a_tensor_and_agree_with_classes_of_single_channels(net: Architecture) -> None:
    number = slow_classes(net)
    filters = [(node.name, index) for node in net.nodes if node.op == "conv2d" for index in range(node.filters or 0)]
    blocked = {number[name, index] for name, index in number if is_obstacle(net, name)}

    for name, shape in net.shapes.items():
        sources = channel_sources(net, name)
        ends = [source.stop for source in sources]
        assert [source.start for source in sources] == [0, *ends[:-1]]
        assert ends[-1] == shape[-1]
        for source in (one for one in sources if one.fixed is None):
            for index in range(source.stop - source.start):
                here = number[name, source.start + index]
                assert [one for one in filters if number[one] == here] == [(one, index) for one in source.producers]
                assert here not in blocked


@given(networks())
def test_no_channel_is_fixed_without_need(net: Architecture) -> None:
    number = slow_classes(net)
    filters = {node.name: node.filters or 0 for node in net.nodes if node.op == "conv2d"}
    blocked = {number[name, index] for name, index in number if is_obstacle(net, name)}
    classes = {name: [number[name, index] for index in range(width)] for name, width in filters.items()}

    for name in filters:
        linked = {name}
        while True:
            held = {one for member in linked for one in classes[member]}
            grown = {one for one in filters if held & set(classes[one])}
            if grown == linked:
                break
            linked = grown
        lined_up = all(classes[one] == classes[name] for one in linked) and len(held) == filters[name]
        free = lined_up and not held & blocked
        assert (channel_sources(net, name)[0].fixed is None) == free


@given(networks(), st.data())
def test_a_cut_leaves_a_network_that_fits_together_and_touches_nothing_else(
    net: Architecture, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(net.shapes)))
    removed: dict[str, int] = {}
    for source in channel_sources(net, name):
        if source.fixed is None and not removed.keys() & set(source.producers):
            count = data.draw(st.integers(0, source.stop - source.start - 1))
            removed |= dict.fromkeys(source.producers, count)

    narrow = narrowed(net, removed)

    gone = sum(removed[source.producers[0]] for source in channel_sources(net, name) if source.fixed is None)
    assert narrow.shapes[name][-1] == net.shapes[name][-1] - gone
    for node in net.nodes:
        assert narrow.by_name[node.name].filters == (
            None if node.filters is None else node.filters - removed.get(node.name, 0)
        )
    assert all(narrow.shapes[output] == net.shapes[output] for output in net.outputs)
