"""Generated C on emulated cores; without the cross compiler or the emulator each test is skipped by name."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tests.codegen.compiled import images_with_extremes
from tests.codegen.networks import PUBLISHED, nano_u_graph
from tests.codegen.renaming import numbered_by_kind
from tests.quantization.random_graph import random_graph

from nano_u.codegen import generate_c, plan_streaming
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, run_integer
from nano_u.toolchain import CORES, Core, EmulatedRun, core_named, emulate, unavailable

CASES = [pytest.param(core, id=core.name) for core in CORES]


def assert_equal_on(core: Core, graph: QuantizedGraph, count: int, *flags: str) -> EmulatedRun:
    """The integer reference's bytes and the planned state, on a core that this machine can emulate."""
    reason = unavailable(core)
    if reason is not None:
        pytest.skip(reason)
    plan = plan_streaming(graph)
    images = images_with_extremes(graph, count)

    run = emulate(generate_c(plan, "net"), core, images, ("-O2", *flags))

    np.testing.assert_array_equal(run.outputs, run_integer(graph, images))
    assert run.state_bytes == plan.memory.state_bytes
    assert run.variable_bytes == 0
    return run


def test_a_small_network_gives_the_same_bytes_on_a_core_by_both_paths() -> None:
    graph = nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True)

    packed = assert_equal_on(core_named("cortex-m7"), graph, 2)
    portable = assert_equal_on(core_named("cortex-m7"), graph, 2, "-DNET_PORTABLE")

    assert packed.instructions_per_frame < portable.instructions_per_frame


@pytest.mark.slow
@pytest.mark.parametrize("core", CASES)
def test_the_published_network_gives_the_same_bytes_on_every_core(core: Core) -> None:
    assert_equal_on(core, nano_u_graph(**PUBLISHED), 3)


@pytest.mark.slow
@pytest.mark.parametrize("core", CASES)
def test_random_graphs_give_the_same_bytes_on_every_core(core: Core) -> None:
    for seed in range(300, 312):
        assert_equal_on(core, numbered_by_kind(random_graph(seed, length=8)), 4)


@pytest.mark.slow
def test_more_than_255_stages_are_counted_one_by_one() -> None:
    core = core_named("cortex-m4")
    graph = chain_of_pools(300)
    plan = plan_streaming(graph)
    assert len(plan.layout.stages) == 300

    run = assert_equal_on(core, graph, 2, "-DNET_STAGE_HOOK=nano_u_stage")

    assert set(run.stage_instructions) == {-1, *range(300)}


def chain_of_pools(length: int) -> QuantizedGraph:
    """Pools over two rows, each of which must be a stage."""
    names = [f"pool_{number}" for number in range(length + 1)]
    tensors = tuple(QuantizedTensor(name, (4, 4, 1), 0.1, 0) for name in names)
    ops = tuple(
        QuantizedOp("AVERAGE_POOL_2D", (before,), after, window=(2, 2), padding="same")
        for before, after in pairwise(names)
    )
    return QuantizedGraph(tensors, ops, names[-1])
