"""Max-pools behind a 1x1 convolution: those that keep the largest value as pixels come, and those that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from tests.codegen.compiled import compile_plans, differing_bytes, images_with_extremes

from nano_u.codegen import plan_streaming
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, run_integer


def pooled(
    size: int, pooled_size: int, padding: Literal["same", "valid"], activation: Literal["none", "relu6"]
) -> QuantizedGraph:
    """A 2x2 pool of a convolution's square output; of its scale 0.1, relu6 leaves the values -100 to -40."""
    kernel = np.random.default_rng(0).integers(-60, 61, (4, 1, 1, 4)).astype(np.int8)
    weights = QuantizedWeights(kernel, np.full(4, 0.02, np.float32), np.zeros(4, np.int32))
    tensors = (
        QuantizedTensor("image", (size, size, 4), 0.1, 0),
        QuantizedTensor("points", (size, size, 4), 0.1, -100),
        QuantizedTensor("largest", (pooled_size, pooled_size, 4), 0.1, -100),
    )
    pool = QuantizedOp(
        "MAX_POOL_2D", ("points",), "largest", window=(2, 2), strides=(2, 2), padding=padding, activation=activation
    )
    return QuantizedGraph(tensors, (QuantizedOp("CONV_2D", ("image",), "points", weights), pool), "largest")


def test_a_pool_whose_windows_reach_over_the_side_is_a_stage_of_its_own(tmp_path: Path) -> None:
    graph = pooled(5, 3, "same", "none")
    plan = plan_streaming(graph)

    network = compile_plans({"net": plan}, tmp_path)["net"]

    assert len(plan.layout.stages) == 2
    assert differing_bytes(network, images_with_extremes(graph, 20)) == 0


def test_a_pool_that_keeps_the_largest_clamps_it_to_its_activation(tmp_path: Path) -> None:
    graph = pooled(6, 3, "valid", "relu6")
    plan = plan_streaming(graph)
    images = images_with_extremes(graph, 20)

    network = compile_plans({"net": plan}, tmp_path)["net"]

    assert len(plan.layout.stages) == 1
    assert (run_integer(graph, images) == -40).any()
    assert differing_bytes(network, images) == 0
