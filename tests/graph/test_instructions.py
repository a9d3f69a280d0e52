"""Estimated instructions against those that an emulated Cortex-M7 counted (`-O2`), and laws of the estimate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.graph.networks import (
    Drawn,
    additions,
    bilinear,
    concatenated,
    lookup,
    odd_widths,
    overlapping_pools,
    padded_and_strided,
    plain,
    pools,
    probabilities,
    published,
    residual,
    residual_blocks,
    valid_pool,
)

from nano_u.codegen.blank_graph import blank_graph
from nano_u.errors import DeployError
from nano_u.graph import Architecture, bu_net, layer_costs, nano_u, summarise
from nano_u.graph.record import Op

COUNTED: list[tuple[Callable[[], Architecture], int]] = [
    (nano_u, 38_933_122),
    (published, 16_392_769),
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
ALONE: list[tuple[Callable[[], Architecture], int]] = [
    (additions, 631_430),
    (lookup, 22_493),
    (valid_pool, 112_550),
]


@pytest.mark.parametrize(("network", "counted"), COUNTED)
def test_networks_that_the_steps_were_fitted_to_come_within_a_thirtieth(
    network: Callable[[], Architecture], counted: int
) -> None:
    assert summarise(network()).instructions_estimate == pytest.approx(counted, rel=1 / 30)


@pytest.mark.parametrize(("network", "counted"), UNSEEN)
def test_other_networks_come_within_a_sixteenth(network: Callable[[], Architecture], counted: int) -> None:
    assert summarise(network()).instructions_estimate == pytest.approx(counted, rel=1 / 16)


@pytest.mark.parametrize(("network", "counted"), ALONE)
def test_operators_without_products_come_within_an_eighth(network: Callable[[], Architecture], counted: int) -> None:
    assert summarise(network()).instructions_estimate == pytest.approx(counted, rel=1 / 8)


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


@pytest.mark.parametrize("op", ["conv2d_transpose", "global_average_pool2d", "dense", "batch_norm"])
def test_what_the_c_does_not_compute_counts_nothing(op: Op) -> None:
    net = Drawn(8, 8, 4)
    net.add(op, "image", filters=3 if op in ("conv2d_transpose", "dense") else None)
    record = net.done()

    assert summarise(record).instructions_estimate == 0
    with pytest.raises(DeployError, match=f"the C has no {op}|the C computes"):
        blank_graph(record)
