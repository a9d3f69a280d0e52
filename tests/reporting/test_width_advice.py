from __future__ import annotations

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


def test_channels_of_the_input_cannot_be_cut_and_the_reason_is_said() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 16)),
        Node("act", "relu", ("image",)),
        Node("head", "conv2d", ("act",), filters=1),
    )

    (advice,) = width_advice(findings(measured("act", copies=4)), Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert (advice.changes, advice.price) == ((), None)
    assert advice.no_price == "they come from the input image"


def test_of_a_concatenation_each_layer_loses_its_own_channels() -> None:
    """Channels 12 to 15 copy 0 to 3; the cut takes whole steps from the layer that made them."""
    nodes = (
        Node("image", "input", shape=(8, 8, 3)),
        Node("left", "conv2d", ("image",), filters=16),
        Node("right", "conv2d", ("image",), filters=16),
        Node("both", "concat", ("left", "right")),
        Node("head", "conv2d", ("both",), filters=1),
    )
    layer = measured("both", channels=32, copies=4)
    assert layer.keep is not None
    lost = {"left": 0, "right": 0}
    for channel in set(range(32)) - set(layer.keep):
        lost["left" if channel < 16 else "right"] += 1

    (advice,) = width_advice(findings(layer), Architecture("x", nodes, ("head",)), THRESHOLDS)

    assert removed_filters([advice]) == {name: count // 4 * 4 for name, count in lost.items() if count >= 4}


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


def test_where_two_points_speak_of_one_layer_the_smaller_cut_holds() -> None:
    nodes = (
        Node("image", "input", shape=(8, 8, 3)),
        Node("conv", "conv2d", ("image",), filters=32),
        Node("act", "relu", ("conv",)),
        Node("pool", "max_pool2d", ("act",), window=(2, 2), strides=(2, 2)),
        Node("first", "conv2d", ("act",), filters=1),
        Node("second", "conv2d", ("pool",), filters=1),
    )
    architecture = Architecture("x", nodes, ("first", "second"))
    layers = measured("act", channels=32, copies=8), measured("pool", channels=32, copies=4)

    advice = width_advice(findings(*layers), architecture, THRESHOLDS)

    assert [entry.finding.remove for entry in advice] == [8, 4]
    assert removed_filters(advice) == {"conv": 4}
    total = total_price(advice, architecture)
    assert total is not None
    assert total.after == summarise(architecture.with_filters({"conv": 28}))


def test_the_default_network_is_priced_as_if_built_narrower() -> None:
    layer = measured("decoder2_block2_pointwise_relu", copies=4)

    (advice,) = width_advice(findings(layer), nano_u(), THRESHOLDS)

    assert [str(change) for change in advice.changes] == ["decoder2_block2_pointwise: 16 -> 12"]
    assert advice.price is not None
    assert (advice.price.parameters, advice.price.macs) == (-84, -48 * 64 * (4 * 16 + 4))
    assert advice.price.peak_activation_bytes == 0
