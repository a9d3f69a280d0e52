"""Random graphs as files that no converter wrote: read back, generated, compiled, and compared with both runtimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.codegen.compiled import Network, compile_plans, compiler, images_with_extremes
from tests.quantization.random_graph import random_graph, random_images

from nano_u.codegen import plan_streaming
from nano_u.deploy import MicroModel, ReferenceModel, micro_available
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.quantization import KINDS, QuantizedGraph, run_integer_tensors

IMAGES = 100
FAST = range(256, 268)
"""Graphs that together hold every kind."""

TELLING = 24
"""Distinct values from which an output tells something."""

DIFFERENT_IN_MICRO = {"LOGISTIC", "RELU"}
"""Kernels that TensorFlow Lite Micro has in another form, one step away at rare scales."""

IN_BOTH = tuple(kind for kind in KINDS if kind not in DIFFERENT_IN_MICRO)


def ending_where_values_differ(graph: QuantizedGraph) -> QuantizedGraph:
    """The graph up to its last tensor of many values, if there is one: drawn convolutions often saturate."""
    values = run_integer_tensors(graph, random_images(graph, 4))
    counts = [len(np.unique(values[op.output])) for op in graph.ops]
    telling = [number for number, count in enumerate(counts) if count >= TELLING]
    if not telling:
        return graph
    end = telling[-1] + 1
    return dataclasses.replace(
        graph, tensors=graph.tensors[: end + 1], ops=graph.ops[:end], output=graph.ops[end - 1].output
    )


def files_of(seeds: Sequence[int]) -> Mapping[str, bytes]:
    """Lengths 3 to 8 in turn; every other graph only of kernels that are the same in both runtimes."""
    graphs = {seed: random_graph(seed, KINDS if seed % 2 else IN_BOTH, length=3 + seed % 6) for seed in seeds}
    return {f"g{seed}": write_tflite(ending_where_values_differ(graph)) for seed, graph in graphs.items()}


def compiled_files(files: Mapping[str, bytes], folder: Path) -> Mapping[str, Network]:
    return compile_plans({name: plan_streaming(quantized_graph_of(file)) for name, file in files.items()}, folder)


def assert_equal_in_both_runtimes(files: Mapping[str, bytes], folder: Path) -> None:
    networks = compiled_files(files, folder)
    telling, in_micro = 0, 0
    for name, file in files.items():
        graph = networks[name].plan.graph
        images = images_with_extremes(graph, IMAGES)

        outputs = networks[name].run(images)

        assert np.array_equal(outputs, ReferenceModel(file, threads=1).predict_int8(images)), name
        if micro_available() and not DIFFERENT_IN_MICRO & {op.kind for op in graph.ops}:
            assert np.array_equal(outputs, MicroModel(file).predict_int8(images)), name
            in_micro += 1
        telling += len(np.unique(outputs)) >= TELLING
    assert telling >= len(files) // 2
    assert in_micro >= len(files) // 2 or not micro_available()


def test_the_graphs_hold_every_kind_of_operator() -> None:
    ops = [op for file in files_of(FAST).values() for op in quantized_graph_of(file).ops]

    assert {op.kind for op in ops} == set(KINDS)


def test_c_of_written_files_gives_the_bytes_of_both_runtimes(tmp_path: Path) -> None:
    compiler()

    assert_equal_in_both_runtimes(files_of(FAST), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_two_hundred_written_files_give_the_bytes_of_both_runtimes(start: int, tmp_path: Path) -> None:
    compiler()

    assert_equal_in_both_runtimes(files_of(range(100_000 + start, 100_000 + start + 50)), tmp_path)
