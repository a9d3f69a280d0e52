from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from tests.reporting.advised import measured, network

from nano_u.config import ThresholdsConfig
from nano_u.graph import Architecture, Node, nano_u, summarise
from nano_u.redundancy import LayerRedundancy
from nano_u.reporting.layer_finding import LayerFinding, layer_finding
from nano_u.reporting.trend import Trend
from nano_u.reporting.width_advice import removed_filters, total_price, width_advice

THRESHOLDS = ThresholdsConfig()


def findings(*layers: LayerRedundancy) -> tuple[LayerFinding, ...]:
    return tuple(layer_finding(layer, Trend("stable"), THRESHOLDS) for layer in layers)


def test_advice_names_the_layer_that_makes_the_channels_and_its_price() -> None:
    (advice,) = width_advice(findings(measured("act", copies=4)), network(16), THRESHOLDS)

    assert [str(change) for change in advice.changes] == ["conv: 16 -> 12"]
    assert advice.price is not None
    # 3x3x3 kernels and four BatchNorm vectors of the convolution, and the head's weights, of four channels
    assert advice.price.parameters == -(4 * 27 + 4 * 4 + 4)
    assert advice.price.macs == -64 * (4 * 27 + 4)
    assert advice.price.after == summarise(network(12))


def test_healthy_layers_get_no_advice() -> None:
    assert width_advice(findings(measured("act")), network(16), THRESHOLDS) == ()


def test_without_an_architecture_there_is_advice_but_no_price() -> None:
    (advice,) = width_advice(findings(measured("act", copies=4)), None, THRESHOLDS)

    assert [str(change) for change in advice.changes] == ["act: 16 -> 12"]
    assert (advice.price, advice.no_price) == (None, "no graph.json beside the metrics")
    assert total_price([advice], None) is None


def test_a_layer_that_the_record_lacks_has_no_price() -> None:
    (advice,) = width_advice(findings(measured("block/act", copies=4)), network(16), THRESHOLDS)

    assert (advice.price, advice.no_price) == (None, "graph.json has no layer of that name")


def test_a_layer_that_is_called_like_the_record_is_not_taken_for_one_that_it_lacks() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 16)),
        Node("graph.json", "opaque", ("image",), shape=(8, 8, 16)),
        Node("head", "conv2d", ("graph.json",), filters=1),
    )
    found = findings(measured("graph.json", copies=4))

    (advice,) = width_advice(found, Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert (advice.changes, advice.no_price) == ((), "graph.json makes them, and what it does is unknown")


def test_channels_of_the_input_cannot_be_cut_and_the_reason_is_said() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 16)),
        Node("act", "relu", ("image",)),
        Node("head", "conv2d", ("act",), filters=1),
    )

    (advice,) = width_advice(findings(measured("act", copies=4)), Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert (advice.changes, advice.price) == ((), None)
    assert advice.no_price == "they come from the input image"


def test_of_a_concatenation_each_layer_loses_its_own_filters_in_whole_steps() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 3)),
        Node("left", "conv2d", ("image",), filters=16),
        Node("right", "conv2d", ("image",), filters=16),
        Node("both", "concat", ("left", "right")),
        Node("head", "conv2d", ("both",), filters=1),
    )
    reader = finding("both", (*range(10, 16), *range(29, 32)))

    (advice,) = width_advice((reader,), Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert removed_filters([advice]) == {"left": 4}
    assert advice.channels == tuple(range(10, 16))


def test_added_layers_are_narrowed_together() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 3)),
        Node("left", "conv2d", ("image",), filters=16),
        Node("right", "conv2d", ("image",), filters=16),
        Node("sum", "add", ("left", "right")),
        Node("head", "conv2d", ("sum",), filters=1),
    )

    (advice,) = width_advice(findings(measured("sum", copies=4)), Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert removed_filters([advice]) == {"left": 4, "right": 4}


TWO_READERS = Architecture(
    "x",
    (
        Node("image", "input", shape=(8, 8, 3)),
        Node("conv", "conv2d", ("image",), filters=32),
        Node("act", "relu", ("conv",)),
        Node("pool", "max_pool2d", ("act",), window=(2, 2), strides=(2, 2)),
        Node("first", "conv2d", ("act",), filters=1),
        Node("second", "conv2d", ("pool",), filters=1),
    ),
    ("first", "second"),
)


def finding(name: str, rebuilt: Sequence[int], *, channels: int = 32, score: float = 0.2) -> LayerFinding:
    """A reader of `channels` channels that could do without `rebuilt`."""
    kept = tuple(channel for channel in range(channels) if channel not in set(rebuilt))
    record = dataclasses.replace(
        measured(name, channels=channels),
        keep=kept,
        removable=len(rebuilt) / channels,
        redundancy_score=score,
        reliable=True,
    )
    return layer_finding(record, Trend("stable"), THRESHOLDS)


def test_only_filters_that_every_reader_can_do_without_are_advised_away() -> None:
    readers = finding("act", range(20, 32)), finding("pool", range(8, 26))

    advice = width_advice(readers, TWO_READERS, THRESHOLDS)

    assert [entry.channels for entry in advice] == [tuple(range(20, 26))] * 2
    assert removed_filters(advice) == {"conv": 4}
    total = total_price(advice, TWO_READERS)
    assert total is not None
    assert total.after == summarise(TWO_READERS.with_filters({"conv": 28}))


@pytest.mark.parametrize("other", [range(8), (), range(24, 26)])
def test_a_reader_that_needs_the_filters_or_leaves_less_than_a_step_stops_the_advice(other: Sequence[int]) -> None:
    advice = width_advice((finding("act", range(24, 32)), finding("pool", other)), TWO_READERS, THRESHOLDS)

    assert removed_filters(advice) == {}
    reason = "another reader of the same filters needs them, or knows too little"
    assert {entry.no_price for entry in advice} == {reason}


def test_a_reader_with_too_few_samples_stops_the_advice_too() -> None:
    thin = layer_finding(
        dataclasses.replace(measured("pool", channels=32), reliable=False, keep=None, removable=None),
        Trend("stable"),
        THRESHOLDS,
    )

    assert removed_filters(width_advice((finding("act", range(24, 32)), thin), TWO_READERS, THRESHOLDS)) == {}


def test_a_point_that_no_linear_layer_reads_does_not_stop_it() -> None:
    elsewhere = layer_finding(measured("pool", channels=32, linear=False), Trend("stable"), THRESHOLDS)

    advice = width_advice((finding("act", range(24, 32)), elsewhere), TWO_READERS, THRESHOLDS)

    assert removed_filters(advice) == {"conv": 8}


def test_a_shortcuts_two_readers_are_asked_through_the_concatenation() -> None:
    """The bottleneck could do without a quarter of the encoder's filters; the decoder, which reads them too, not."""
    network = nano_u(skips=True)
    below = finding("bottleneck_block1_depthwise_relu", range(24, 32))
    wide = network.shapes["decoder1_block1_depthwise_relu"][-1]
    beside = finding("decoder1_block1_depthwise_relu", (), channels=wide)

    assert removed_filters(width_advice((below,), network, THRESHOLDS)) == {"encoder2_block2_pointwise": 8}
    assert removed_filters(width_advice((below, beside), network, THRESHOLDS)) == {}


def test_the_upper_bound_is_that_of_the_layer_that_loses_filters() -> None:
    network = nano_u(bottleneck=128)
    reader = finding("decoder1_block1_depthwise_relu", range(64, 128), channels=128, score=0.8)

    assert removed_filters(width_advice((reader,), network, THRESHOLDS)) == {"bottleneck_block2_pointwise": 32}


def test_the_default_network_is_priced_as_if_built_narrower() -> None:
    layer = measured("decoder2_block2_pointwise_relu", copies=4)

    (advice,) = width_advice(findings(layer), nano_u(), THRESHOLDS)

    assert [str(change) for change in advice.changes] == ["decoder2_block2_pointwise: 16 -> 12"]
    assert advice.price is not None
    assert (advice.price.parameters, advice.price.macs) == (-84, -48 * 64 * (4 * 16 + 4))
    assert advice.price.peak_activation_bytes == 0
