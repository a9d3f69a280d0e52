from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.codegen.compiled import (
    PACKED,
    assert_bit_equal,
    compile_plans,
    differing_bytes,
    images_with_extremes,
)
from tests.codegen.networks import PUBLISHED, nano_u_graph

from nano_u.codegen import plan_streaming
from nano_u.quantization import run_integer

TINY: dict[str, dict[str, Any]] = {
    "plain": {"input_shape": (16, 16, 3), "filters": (4,), "bottleneck": 4, "blocks_per_stage": 1},
    "skips": {"input_shape": (16, 16, 3), "filters": (4, 6), "bottleneck": 8, "blocks_per_stage": 1, "skips": True},
    "narrow_first": {"input_shape": (8, 20, 3), "filters": (5,), "bottleneck": 7, "upsample": "after_pointwise"},
    "thirds": {"input_shape": (9, 12, 1), "filters": (4,), "bottleneck": 4, "pool_sizes": ((3, 2),), "skips": True},
}
REAL: dict[str, dict[str, Any]] = {
    "default": {},
    "published": PUBLISHED,
    "one_block": {**PUBLISHED, "blocks_per_stage": 1},
    "with_skips": {"skips": True},
    "large": {"input_shape": (96, 128, 3)},
    "odd": {"input_shape": (45, 63, 3), "filters": (5, 7), "pool_sizes": (3, 3), "bottleneck": 9, "skips": True},
}


def test_small_networks_give_the_bytes_of_the_integer_reference(tmp_path: Path) -> None:
    plans = {name: plan_streaming(nano_u_graph(**options)) for name, options in TINY.items()}

    networks = compile_plans(plans, tmp_path)

    assert_bit_equal(list(networks.values()), 100)


def test_packed_multiplication_gives_the_same_bytes(tmp_path: Path) -> None:
    plans = {name: plan_streaming(nano_u_graph(**options)) for name, options in TINY.items()}

    networks = compile_plans(plans, tmp_path, *PACKED)

    assert_bit_equal(list(networks.values()), 20)


def test_the_drawn_networks_use_the_whole_range() -> None:
    graph = nano_u_graph(**TINY["skips"])

    outputs = run_integer(graph, images_with_extremes(graph, 10))

    assert len(np.unique(outputs)) > 60


def test_rows_come_out_in_order_and_the_next_image_starts_by_itself(tmp_path: Path) -> None:
    graph = nano_u_graph(**TINY["skips"])
    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]
    images = images_with_extremes(graph, 3)

    outputs, given = network.stream(images)

    np.testing.assert_array_equal(outputs, run_integer(graph, images))
    assert given == given[:16] * 3
    assert sum(given[:16]) == 16


def test_each_3x3_layer_delays_the_result_by_one_row(tmp_path: Path) -> None:
    graph = nano_u_graph(input_shape=(8, 6, 3), filters=(4,), bottleneck=4, pool_sizes=(1,), blocks_per_stage=1)
    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]

    _, given = network.stream(images_with_extremes(graph, 2))

    assert given == [0, 0, 0, 1, 1, 1, 1, 4] * 2


def test_init_forgets_half_an_image(tmp_path: Path) -> None:
    graph = nano_u_graph(**TINY["plain"])
    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]
    first, second = images_with_extremes(graph, 4)[2:]
    state = network.new_state()
    network.init(state)
    for row in first[:9]:
        network.push_row(state, row)

    network.init(state)
    given = [values for row in second for _, values in network.push_row(state, row)]

    expected = run_integer(graph, second[np.newaxis])[0]
    np.testing.assert_array_equal(np.concatenate(given).reshape(expected.shape), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_networks_of_real_size(name: str, tmp_path: Path) -> None:
    graph = nano_u_graph(**REAL[name])
    plans = {"net": plan_streaming(graph)}
    for flags in ((), PACKED):
        folder = tmp_path / str(len(flags))
        folder.mkdir()

        network = compile_plans(plans, folder, *flags, optimisation="-O2")["net"]

        assert differing_bytes(network, images_with_extremes(graph, 100)) == 0


@pytest.mark.slow
def test_a_converted_model(tmp_path: Path) -> None:
    from nano_u.deploy import convert_int8
    from nano_u.deploy.quantized_reader import quantized_graph_of
    from nano_u.graph.architectures import nano_u
    from nano_u.models import build_model

    model = build_model(nano_u(skips=True))
    calibration = np.random.default_rng(0).random((4, 48, 64, 3), np.float32)
    graph = quantized_graph_of(convert_int8(model, calibration))

    network = compile_plans({"net": plan_streaming(graph)}, tmp_path, optimisation="-O2")["net"]

    assert differing_bytes(network, images_with_extremes(graph, 100)) == 0
