"""The estimate beside what an emulated Cortex-M7 counts now, so that other C is noticed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.graph.networks import additions, concatenated, lookup, published, residual_blocks, valid_pool
from tests.toolchain.requirements import need_core

from nano_u.codegen import generate_c, plan_streaming
from nano_u.codegen.blank_graph import blank_graph
from nano_u.graph import Architecture, summarise
from nano_u.toolchain import core_named, emulate


def counted(architecture: Architecture) -> int:
    """With zeros for weights: results may be anything in int8, as those of trained networks."""
    core = core_named("cortex-m7")
    need_core(core)
    image = np.random.default_rng(0).integers(-128, 128, (1, *architecture.input_shape)).astype(np.int8)
    sources = generate_c(plan_streaming(blank_graph(architecture)), "network")
    return emulate(sources, core, image, ("-O2",)).instructions_per_frame


@pytest.mark.parametrize("network", [published, concatenated, residual_blocks])
def test_networks_of_three_kinds_come_within_a_sixteenth(network: Callable[[], Architecture]) -> None:
    record = network()

    assert summarise(record).instructions_estimate == pytest.approx(counted(record), rel=1 / 16)


@pytest.mark.parametrize("network", [additions, lookup, valid_pool])
def test_operators_without_products_come_within_an_eighth(network: Callable[[], Architecture]) -> None:
    record = network()

    assert summarise(record).instructions_estimate == pytest.approx(counted(record), rel=1 / 8)
