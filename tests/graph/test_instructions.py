"""Estimated instructions against those that an emulated Cortex-M7 counted (`-O2`), and laws of the estimate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nano_u.graph import Architecture, Node, bu_net, layer_costs, nano_u, summarise
from nano_u.graph.record import Op


class Drawn:
    """A record in the making; every method gives the name of what it added."""

    def __init__(self, *shape: int) -> None:
        self.nodes = [Node("image", "input", shape=shape)]

    def add(self, op: Op, *sources: str, size: int = 1, stride: int = 1, filters: int | None = None) -> str:
        """A layer of windows of `size` x `size` with `same` padding."""
        name = f"layer{len(self.nodes)}"
        pair = (size, size), (stride, stride)
        self.nodes.append(Node(name, op, sources, filters=filters, window=pair[0], strides=pair[1]))
        return name

    def conv(self, source: str, filters: int, size: int = 1, stride: int = 1) -> str:
        return self.add("conv2d", source, size=size, stride=stride, filters=filters)

    def block(self, source: str, filters: int, size: int = 3, stride: int = 1) -> str:
        return self.conv(self.add("depthwise_conv2d", source, size=size, stride=stride), filters)

    def pool(self, source: str, size: int = 2, stride: int = 2, op: Op = "max_pool2d") -> str:
        return self.add(op, source, size=size, stride=stride)

    def padded(self, source: str, *shape: int) -> str:
        """A ZeroPadding2D, for which the record has no word."""
        self.nodes.append(Node(f"pad{len(self.nodes)}", "opaque", (source,), shape=shape, parameters=0))
        return self.nodes[-1].name

    def valid_depthwise(self, source: str, stride: int) -> str:
        name = f"layer{len(self.nodes)}"
        window, strides = (3, 3), (stride, stride)
        self.nodes.append(Node(name, "depthwise_conv2d", (source,), window=window, strides=strides, padding="valid"))
        return name

    def up(self, source: str, factor: int = 2, op: Op = "upsample_nearest") -> str:
        return self.add(op, source, size=factor)

    def done(self) -> Architecture:
        return Architecture("net", tuple(self.nodes), (self.nodes[-1].name,))


def plain() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.pool(net.conv("image", 8, 3))
    x = net.conv(net.up(net.conv(net.conv(x, 16, 3), 16, 3)), 8, 3)
    net.conv(x, 1)
    return net.done()


def bilinear() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.block(net.block("image", 16, stride=2), 24, stride=2)
    x = net.block(net.up(x, op="upsample_bilinear"), 16)
    net.conv(net.up(x, op="upsample_bilinear"), 1)
    return net.done()


def residual() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv("image", 16, 3, 2)
    for _ in range(3):
        x = net.add("add", x, net.conv(net.conv(x, 16, 3), 16, 3))
    net.conv(net.up(x), 1)
    return net.done()


def padded_and_strided() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.padded(net.conv("image", 8, 3, 2), 25, 33, 8)
    x = net.conv(net.valid_depthwise(x, 2), 16)
    net.conv(net.up(x, 4), 1)
    return net.done()


def pools() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv(net.pool("image"), 8)
    x = net.conv(net.pool(x, op="average_pool2d"), 8)
    x = net.conv(net.up(net.pool(x, 3, 1)), 6)
    net.conv(net.up(net.pool(x, 3, 2, "average_pool2d"), 4), 1)
    return net.done()


def odd_widths() -> Architecture:
    net = Drawn(30, 42, 3)
    x = net.conv(net.block(net.block("image", 5), 7, stride=2), 11, 3)
    net.conv(net.block(net.up(net.block(x, 9, size=5)), 6), 1)
    return net.done()


def concatenated() -> Architecture:
    """Of plain 3x3, like the next ones not among the networks that the steps were fitted to."""
    net = Drawn(32, 48, 3)
    first = net.conv(net.conv("image", 6, 3), 6, 3)
    second = net.conv(net.pool(first), 12, 3)
    x = net.conv(net.pool(second), 20, 3)
    x = net.conv(net.add("concat", net.up(x), second), 12, 3)
    net.conv(net.conv(net.add("concat", net.up(x), first), 6, 3), 1)
    return net.done()


def overlapping_pools() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv(net.pool(net.conv("image", 8, 3), 3), 16, 3)
    x = net.conv(net.pool(x, 3), 16, 3)
    net.conv(net.up(x, 4), 1)
    return net.done()


def residual_blocks() -> Architecture:
    net = Drawn(40, 56, 3)
    x = net.conv("image", 20, 5, 2)
    for _ in range(2):
        x = net.add("add", x, net.block(x, 20))
    net.conv(net.up(x, op="upsample_bilinear"), 1)
    return net.done()


def probabilities() -> Architecture:
    net = Drawn(48, 48, 3)
    x = net.up(net.conv(net.pool(net.conv("image", 9, 3)), 18, 3))
    net.add("sigmoid", net.conv(x, 1, 3))
    return net.done()


COUNTED: list[tuple[Callable[[], Architecture], int]] = [
    (nano_u, 38_933_122),
    (lambda: nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[2, 2, (3, 2)]), 16_392_769),
    (bu_net, 213_009_521),
    (plain, 14_849_546),
    (bilinear, 4_750_005),
    (residual, 23_631_346),
    (padded_and_strided, 1_150_383),
    (pools, 1_248_382),
    (odd_widths, 3_694_939),
]
UNSEEN: list[tuple[Callable[[], Architecture], int]] = [
    (concatenated, 10_142_253),
    (overlapping_pools, 6_752_670),
    (residual_blocks, 7_178_530),
    (probabilities, 5_778_487),
    (lambda: nano_u((45, 63, 3), [5, 10], 15, pool_sizes=[3, 3], blocks_per_stage=1), 5_385_728),
]


@pytest.mark.parametrize(("network", "counted"), COUNTED)
def test_networks_that_the_steps_were_fitted_to_come_within_a_thirtieth(
    network: Callable[[], Architecture], counted: int
) -> None:
    assert summarise(network()).instructions_estimate == pytest.approx(counted, rel=1 / 30)


@pytest.mark.parametrize(("network", "counted"), UNSEEN)
def test_other_networks_come_within_a_sixteenth(network: Callable[[], Architecture], counted: int) -> None:
    assert summarise(network()).instructions_estimate == pytest.approx(counted, rel=1 / 16)


def of(op: Op, *shape: int, size: int = 1, stride: int = 1, filters: int | None = None) -> int:
    """The estimate for one layer."""
    net = Drawn(*shape)
    net.add(op, "image", size=size, stride=stride, filters=filters)
    (row,) = layer_costs(net.done())
    return row.instructions


@pytest.mark.parametrize(
    ("op", "filters"), [("conv2d", 6), ("depthwise_conv2d", None), ("max_pool2d", None), ("sigmoid", None)]
)
def test_twice_the_pixels_are_twice_the_instructions(op: Op, filters: int | None) -> None:
    size = 1 if op == "sigmoid" else 3

    once, twice = (of(op, 16, width, 5, size=size, filters=filters) for width in (12, 24))

    assert twice == pytest.approx(2 * once, abs=1)


def test_a_window_is_a_pixel_of_more_channels_that_was_gathered() -> None:
    window, pixel = of("conv2d", 10, 10, 4, size=3, filters=7), of("conv2d", 10, 10, 36, filters=7)

    assert window - pixel == pytest.approx(100 * 9 * (18 + 0.35 * 4), abs=1)


def test_both_halves_of_a_separable_convolution_count_as_two_layers() -> None:
    separable = Drawn(10, 10, 6)
    separable.add("separable_conv2d", "image", size=3, filters=9)
    halves = Drawn(10, 10, 6)
    halves.block("image", 9)

    assert [row.instructions for row in layer_costs(separable.done())] == [
        row.instructions for row in layer_costs(halves.done())
    ]


def test_filters_by_fours_cost_less_each_and_pools_whose_windows_overlap_more() -> None:
    assert of("conv2d", 8, 8, 8, filters=4) < of("conv2d", 8, 8, 8, filters=3)
    assert of("max_pool2d", 8, 8, 4, size=2, stride=2) == 8 * 8 * 4 * 5
    assert of("max_pool2d", 8, 8, 4, size=2, stride=1) == 8 * 8 * 4 * 4 * 13
    assert of("max_pool2d", 7, 7, 4, size=2, stride=2) == 4 * 4 * 4 * 4 * 13


def test_what_only_says_where_values_are_and_what_is_unknown_count_nothing() -> None:
    net = Drawn(8, 8, 4)
    net.add("concat", net.up(net.padded("image", 9, 9, 4)), net.up(net.padded("image", 9, 9, 4)))

    assert summarise(net.done()).instructions_estimate == 0
