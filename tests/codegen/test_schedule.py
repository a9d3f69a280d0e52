from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.codegen.compiled import compile_plans, differing_bytes, images_with_extremes
from tests.codegen.networks import PUBLISHED, nano_u_graph
from tests.quantization.random_graph import random_graph

from nano_u.codegen import StreamingPlan, plan_streaming
from nano_u.codegen.plan import compiled
from nano_u.codegen.schedule import NEVER, needs_of
from nano_u.quantization import Kind, QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights


def chain(*ops: tuple[str, dict[str, object]], size: int = 12) -> QuantizedGraph:
    """One-channel operators on square images, each reading the one before."""
    tensors = [QuantizedTensor("image", (size, size, 1), 0.1, -128)]
    made = []
    for number, (kind, options) in enumerate(ops):
        window = options.get("window", (1, 1))
        weights = None
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            assert isinstance(window, tuple)
            kernel = np.full((1, *window, 1), 20, np.int8)
            weights = QuantizedWeights(kernel, np.full(1, 0.01, np.float32), np.zeros(1, np.int32))
        sides = options.pop("size", (size, size))
        assert isinstance(sides, tuple)
        op = QuantizedOp(kind, (tensors[-1].name,), f"layer{number}", weights, **options)  # type: ignore[arg-type]
        made.append(op)
        tensors.append(QuantizedTensor(op.output, (*sides, 1), 0.1, -128))
    return QuantizedGraph(tuple(tensors), tuple(made), tensors[-1].name)


DEPTHWISE = ("DEPTHWISE_CONV_2D", {"window": (3, 3), "padding": "same"})


def rows(graph: QuantizedGraph) -> dict[str, int]:
    return dict(plan_streaming(graph).layout.ring_rows)


def test_a_3x3_window_keeps_three_rows() -> None:
    assert rows(chain(DEPTHWISE, DEPTHWISE)) == {"image": 3, "layer0": 3}


def test_what_works_pixel_by_pixel_keeps_nothing() -> None:
    assert rows(chain(DEPTHWISE, ("CONV_2D", {}), ("RELU6", {}))) == {"image": 3}


def test_a_window_that_moves_by_its_size_keeps_its_rows() -> None:
    stride_2 = ("CONV_2D", {"window": (2, 2), "strides": (2, 2), "size": (6, 6)})

    assert rows(chain(stride_2)) == {"image": 2}


def test_a_max_pool_behind_another_layer_keeps_one_row_of_its_own() -> None:
    pool = ("MAX_POOL_2D", {"window": (2, 2), "strides": (2, 2), "size": (6, 6)})
    point = ("DEPTHWISE_CONV_2D", {"window": (1, 1), "size": (6, 6)})

    assert rows(chain(DEPTHWISE, pool, point)) == {"image": 3, "layer1": 1}


def test_an_enlarged_tensor_keeps_two_small_rows_under_a_3x3_window() -> None:
    pool = ("MAX_POOL_2D", {"window": (2, 2), "strides": (2, 2), "size": (6, 6)})
    enlarged = ("RESIZE_NEAREST_NEIGHBOR", {"half_pixel_centers": True, "size": (12, 12)})

    assert rows(chain(DEPTHWISE, pool, enlarged, DEPTHWISE)) == {"image": 3, "layer1": 2}


def test_a_skip_connection_keeps_as_many_rows_as_the_way_around_lags() -> None:
    graph = nano_u_graph(input_shape=(48, 64, 3), skips=True)

    kept = rows(graph)

    assert kept["encoder1_block2_pointwise"] == 22
    assert kept["encoder2_block2_pointwise"] == 8


def test_needs_grow_with_the_row_and_end_at_never() -> None:
    stage = plan_streaming(chain(DEPTHWISE)).layout.stages[0]

    (need,) = needs_of(stage)

    assert need.count == (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12)
    assert need.first == (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, NEVER)


# Drawn convolutions saturate; what hangs on a row must not be lost on the way to the output.
UNSATURATED: tuple[Kind, ...] = (
    "DEPTHWISE_CONV_2D",
    "CONV_2D",
    "CONCATENATION",
    "RESIZE_NEAREST_NEIGHBOR",
    "PAD",
    "RESIZE_BILINEAR",
    "AVERAGE_POOL_2D",
)


def shortened(plan: StreamingPlan, tensor: str) -> StreamingPlan:
    """The plan with one row less of a tensor."""
    kept = {**plan.layout.ring_rows, tensor: plan.layout.ring_rows[tensor] - 1}
    return compiled(dataclasses.replace(plan.layout, ring_rows=kept))


@pytest.mark.parametrize(
    "graph",
    [
        nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True),
        nano_u_graph(input_shape=(18, 8, 3), filters=(4,), bottleneck=4, pool_sizes=((3, 2),)),
        random_graph(18, UNSATURATED, 7),
    ],
    ids=["skips", "thirds", "random"],
)
def test_one_row_less_of_any_ring_gives_other_bytes(graph: QuantizedGraph, tmp_path: Path) -> None:
    plan = plan_streaming(graph)
    tensors = [tensor for tensor, kept in plan.layout.ring_rows.items() if kept > 1]
    plans = {f"less_{number}": shortened(plan, tensor) for number, tensor in enumerate(tensors)}

    networks = compile_plans({"whole": plan, **plans}, tmp_path)

    images = images_with_extremes(graph, 6)[2:]
    assert len(tensors) >= 2
    assert differing_bytes(networks["whole"], images) == 0
    assert all(differing_bytes(networks[name], images) > 0 for name in plans)


def test_the_published_shape_and_the_default_net_fit_their_targets() -> None:
    assert plan_streaming(nano_u_graph(**PUBLISHED)).memory.state_bytes == 10_110
    assert plan_streaming(nano_u_graph()).memory.state_bytes == 23190
    assert plan_streaming(nano_u_graph(skips=True)).memory.state_bytes == 53914
