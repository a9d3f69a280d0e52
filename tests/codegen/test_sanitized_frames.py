"""Many frames through one state under two sanitizers, which stop the program at its first fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.codegen.compiled import ARM_ACLE, PACKED, compiler
from tests.codegen.guarded import guarded
from tests.codegen.networks import PUBLISHED, nano_u_graph
from tests.quantization.random_graph import random_graph

from nano_u.codegen import CSources, generate_c, plan_streaming
from nano_u.errors import DeployError
from nano_u.quantization import QuantizedGraph, run_integer
from nano_u.toolchain import Compiler, host_build, host_compiler
from nano_u.toolchain.compilers import unsanitizable

SANITIZERS = "address,undefined"
FRAMES_AT_ONCE = 500
PROCESSES = 2

SMALL: Mapping[str, Any] = {"input_shape": (12, 16, 3), "filters": (4, 6), "bottleneck": 6, "blocks_per_stage": 1}


def sanitizing_compiler() -> Compiler:
    compiler()
    fault = unsanitizable(host_compiler(), SANITIZERS)
    if fault is not None:
        pytest.skip(fault)
    return host_compiler()


def frames_of(graph: QuantizedGraph, count: int) -> Iterator[np.ndarray]:
    """int8 noise over the whole range, and in every batch one frame of -128 and one of 127."""
    shape = graph.by_name[graph.input].shape
    for start in range(0, count, FRAMES_AT_ONCE):
        random = np.random.default_rng(start)
        frames = random.integers(-128, 128, (min(FRAMES_AT_ONCE, count - start), *shape), np.int8)
        frames[0], frames[-1] = -128, 127
        yield frames


def assert_clean(graph: QuantizedGraph, count: int, compared: int, flags: Sequence[str] = ()) -> None:
    """No sanitizer stops `count` frames, and every so many-th frame has the integer reference's bytes."""
    sources = guarded(generate_c(plan_streaming(graph), "net"))
    with (
        host_build(
            sources, compiler=sanitizing_compiler(), optimisation="-O2", sanitizers=SANITIZERS, extra_flags=flags
        ) as build,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        batches = pool.map(lambda frames: (frames, build.run(frames, timeout=300)), frames_of(graph, count))
        for frames, outputs in batches:
            assert len(outputs) == len(frames)
            assert np.array_equal(outputs[::compared], run_integer(graph, frames[::compared]))


@pytest.mark.parametrize("skips", [False, True])
def test_a_small_network_is_clean(skips: bool) -> None:
    assert_clean(nano_u_graph(**SMALL, skips=skips), 600, compared=10)


def test_a_small_network_is_clean_with_packed_multiplication(tmp_path: Path) -> None:
    (tmp_path / "arm_acle.h").write_text(ARM_ACLE)

    assert_clean(nano_u_graph(**SMALL), 40, compared=1, flags=(*PACKED, f"-I{tmp_path}"))


@pytest.mark.parametrize("seed", range(4))
def test_a_random_graph_is_clean(seed: int) -> None:
    assert_clean(random_graph(seed, length=8), 6, compared=1)


@pytest.mark.slow
def test_ten_thousand_frames_of_the_published_shape_are_clean() -> None:
    assert_clean(nano_u_graph(**PUBLISHED), 10_000, compared=100)


@pytest.mark.slow
@pytest.mark.parametrize("skips", [False, True])
def test_two_hundred_frames_of_the_default_network_are_clean(skips: bool) -> None:
    assert_clean(nano_u_graph(skips=skips), 200, compared=100)


@pytest.mark.parametrize(
    ("sound", "faulty"),
    [
        pytest.param("inside(column + 1, 4)", "(column + 1)", id="a_pixel_too_far"),
        pytest.param("int8_t ring_encoder1_pool[3][32];", "int8_t ring_encoder1_pool[2][32];", id="ring_too_short"),
        pytest.param("output_row[16]", "output_row[15]", id="row_too_short"),
    ],
)
def test_a_fault_between_two_buffers_of_the_state_is_found(sound: str, faulty: str) -> None:
    graph = nano_u_graph(**SMALL)
    sources = guarded(generate_c(plan_streaming(graph), "net"))
    assert sound in sources.header + sources.source
    broken = CSources(sources.name, sources.header.replace(sound, faulty), sources.source.replace(sound, faulty))
    compiler = sanitizing_compiler()

    with (
        host_build(broken, compiler=compiler, sanitizers=SANITIZERS) as build,
        pytest.raises(DeployError, match=r"AddressSanitizer|runtime error"),
    ):
        build.run(next(frames_of(graph, 2)))


@pytest.mark.slow
def test_random_graphs_are_clean() -> None:
    for seed in range(100, 180):
        assert_clean(random_graph(seed, length=1 + seed % 8), 20, compared=1)
