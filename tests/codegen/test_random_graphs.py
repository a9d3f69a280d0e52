from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.codegen.compiled import PACKED, assert_bit_equal, compile_plans
from tests.codegen.renaming import numbered_by_kind
from tests.quantization.random_graph import random_graph, random_images

from nano_u.codegen import plan_streaming
from nano_u.quantization import KINDS, Kind, QuantizedGraph, run_integer_tensors


def check(seeds: Sequence[int], folder: Path, *flags: str, count: int = 100, kinds: Sequence[Kind] = KINDS) -> None:
    """Lengths 1 to 8 in turn, named as Keras would; every other graph ends early, where its values still differ."""
    graphs = {f"g{seed}": numbered_by_kind(random_graph(seed, kinds, length=1 + seed % 8)) for seed in seeds}
    plans = {
        name: plan_streaming(ending_early(graph) if number % 2 else graph)
        for number, (name, graph) in enumerate(graphs.items())
    }
    assert_bit_equal(list(compile_plans(plans, folder, *flags).values()), count)


def ending_early(graph: QuantizedGraph) -> QuantizedGraph:
    """The graph with the last tensor that takes many values as its output: drawn convolutions saturate."""
    tensors = run_integer_tensors(graph, random_images(graph, 4))
    telling = [op.output for op in graph.ops if len(np.unique(tensors[op.output])) > 32]
    return dataclasses.replace(graph, output=telling[-1]) if telling else graph


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_random_graphs_give_the_bytes_of_the_integer_reference(start: int, tmp_path: Path) -> None:
    check(range(start, start + 20), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_operator_alone_and_twice(kind: Kind, tmp_path: Path) -> None:
    check((0, 1, 8, 9), tmp_path, count=10, kinds=(kind,))


def test_no_table_is_taken_for_another_layers(tmp_path: Path) -> None:
    check(range(7, 167, 8), tmp_path, count=10, kinds=("RESIZE_BILINEAR", "CONCATENATION"))


def test_packed_multiplication_gives_the_same_bytes(tmp_path: Path) -> None:
    check(range(200, 216), tmp_path, *PACKED, count=20, kinds=("CONV_2D", "DEPTHWISE_CONV_2D", "CONCATENATION"))


def test_any_operators_tensor_can_be_the_output(tmp_path: Path) -> None:
    graph = random_graph(18, ("CONV_2D", "CONCATENATION", "PAD", "RESIZE_NEAREST_NEIGHBOR", "ADD"), 8)
    ends = {f"end{number}": dataclasses.replace(graph, output=op.output) for number, op in enumerate(graph.ops)}

    networks = compile_plans({name: plan_streaming(end) for name, end in ends.items()}, tmp_path)

    assert_bit_equal(list(networks.values()), 10)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1600, 50))
def test_many_random_graphs_give_the_bytes_of_the_integer_reference(start: int, tmp_path: Path) -> None:
    check(range(start, start + 50), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2000, 2200, 50))
def test_many_random_graphs_with_packed_multiplication(start: int, tmp_path: Path) -> None:
    check(range(start, start + 50), tmp_path, *PACKED)
