from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.deployed import DeployedGraph, DeployedOp, deploy
from nano_u.graph.memory_plan import ALIGNMENT_BYTES, live_bytes, place_buffers, place_tensors, planned_bytes
from nano_u.graph.record import Architecture

PUBLISHED = nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[(2, 2), (2, 2), (3, 2)])


@st.composite
def graphs(draw: st.DrawFn) -> DeployedGraph:
    """Random graphs of up to 12 operators and 3 inputs, with several readers and several outputs."""
    sizes = st.integers(1, 60)
    inputs = [f"in{index}" for index in range(draw(st.integers(1, 3)))]
    tensors, ops = list(inputs), []
    for index in range(draw(st.integers(1, 12))):
        sources = draw(st.lists(st.sampled_from(tensors), min_size=1, max_size=3))
        ops.append(DeployedOp(f"op{index}", "add", tuple(sources), (draw(sizes),), (f"op{index}",)))
        tensors.append(f"op{index}")
    outputs = draw(st.lists(st.sampled_from(tensors), min_size=1, max_size=3, unique=True))
    return DeployedGraph(tuple(ops), tuple(inputs), tuple(outputs), tuple((draw(sizes),) for _ in inputs))


def bytes_held_at(graph: DeployedGraph, step: int) -> int:
    """The slow obvious count: which tensors exist at a step, and must still."""
    made = {op.name: index for index, op in enumerate(graph.ops)}
    total = 0
    for name, size in graph.tensor_bytes.items():
        exists = made.get(name, -1) <= step
        written_now = made.get(name, 0) == step
        read_later = any(name in op.inputs for op in graph.ops[step:])
        if exists and (written_now or read_later or name in graph.outputs):
            total += size
    return total


@given(graphs())
def test_live_bytes_equal_a_simulation_step_by_step(graph: DeployedGraph) -> None:
    assert live_bytes(graph) == tuple(bytes_held_at(graph, step) for step in range(len(graph.ops)))


@given(graphs())
def test_no_plan_beats_the_liveness_peak(graph: DeployedGraph) -> None:
    assert planned_bytes(graph) >= max(live_bytes(graph))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 8), st.integers(0, 4)), max_size=14))
def test_buffers_that_live_at_the_same_time_never_overlap(drawn: list[tuple[int, int, int]]) -> None:
    buffers = [(size, first, first + length) for size, first, length in drawn]

    placed = place_buffers(buffers)

    assert [(place.size, place.first, place.last) for place in placed] == buffers
    for index, one in enumerate(placed):
        for other in placed[index + 1 :]:
            apart_in_time = one.last < other.first or other.last < one.first
            apart_in_space = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
            assert apart_in_time or apart_in_space


@pytest.mark.parametrize(
    ("architecture", "peak", "layer"),
    [
        (nano_u(), 196_608, "decoder2_block1_depthwise"),
        (PUBLISHED, 76_800, "decoder3_block1_depthwise"),
        (nano_u(upsample="after_pointwise"), 98_304, "encoder1_block2_depthwise"),
        (nano_u(skips=True), 294_912, "decoder2_concat"),
        (nano_u(bottleneck=8), 196_608, "decoder2_block1_depthwise"),
    ],
)
def test_the_peak_is_where_it_was_measured(architecture: Architecture, peak: int, layer: str) -> None:
    graph = deploy(architecture)
    live = live_bytes(graph)

    assert max(live) == peak
    assert graph.ops[live.index(peak)].name == layer


@pytest.mark.parametrize(
    ("architecture", "recorded"),
    [
        (nano_u(), 196_608),
        (PUBLISHED, 76_800),
        (nano_u(upsample="after_pointwise"), 98_304),
        (nano_u(skips=True), 344_064),
        (bu_net(), 688_128),
    ],
)
def test_the_plan_is_what_tensorflow_lite_micro_recorded(architecture: Architecture, recorded: int) -> None:
    assert planned_bytes(deploy(architecture)) == recorded


def test_every_buffer_starts_on_an_aligned_address() -> None:
    ops = (DeployedOp("a", "relu", ("x",), (5,), ("a",)), DeployedOp("b", "relu", ("a",), (5,), ("b",)))

    assert planned_bytes(DeployedGraph(ops, ("x",), ("b",), ((5,),))) == 2 * ALIGNMENT_BYTES


def test_a_transposed_convolution_also_needs_its_accumulators() -> None:
    op = DeployedOp("t", "conv2d_transpose", ("x",), (32, 32, 4), ("t",))

    graph = DeployedGraph((op,), ("x",), ("t",), ((16, 16, 4),))

    assert planned_bytes(graph) == 16 * 16 * 4 + 32 * 32 * 4 + 4 * 32 * 32 * 4
    # The accumulators are the largest, so they lie at the bottom and the tensors on top of them.
    assert {name: place.offset for name, place in place_tensors(graph).items()} == {"t": 16_384, "x": 20_480}


def test_every_tensor_has_its_place_for_its_whole_life() -> None:
    graph = deploy(PUBLISHED)

    places = place_tensors(graph)

    assert {name: (place.first, place.last) for name, place in places.items()} == graph.lifetimes
    assert all(graph.tensor_bytes[name] <= place.size < graph.tensor_bytes[name] + 16 for name, place in places.items())
    assert max(place.offset + place.size for place in places.values()) == planned_bytes(graph)
