from __future__ import annotations

import signal
from collections.abc import Callable

import numpy as np
import pytest
from tests.codegen.bounded_worker import MEMORY_BYTES, SECONDS_PER_TASK, Outcome, outcomes_of
from tests.codegen.compiled import compiler
from tests.codegen.fuzzing import SANITIZERS, campaign
from tests.codegen.mutations import mutation
from tests.codegen.seed_files import converted_files, kinds_missing, seed_files

from nano_u.deploy.quantized_writer import write_tflite
from nano_u.quantization import Kind, QuantizedGraph, QuantizedOp, QuantizedTensor
from nano_u.toolchain.compilers import host_compiler, unsanitizable


def test_the_files_that_are_mutated_hold_every_kind_of_operator() -> None:
    assert kinds_missing() == set()


def test_a_mutation_is_another_file_and_the_same_at_every_call() -> None:
    seed = seed_files()[0]

    drawn = [mutation(seed, np.random.default_rng(number)) for number in range(60)]

    assert [mutation(seed, np.random.default_rng(number)) for number in range(60)] == drawn
    assert sum(found.content != seed for found in drawn) > 50
    assert len({found.content for found in drawn}) > 50
    assert len({found.what.split()[0] for found in drawn}) > 8


def test_mutated_files_are_refused_or_give_the_bytes_of_the_reference_kernels() -> None:
    compiler()

    result = campaign(seed_files(), 200, compiled=4)

    assert result.findings == ()
    assert result.refused + result.accepted == 200
    assert min(result.refused, result.accepted) > 20
    assert result.compiled == 4


@pytest.mark.slow
def test_a_thousand_mutated_files_and_a_hundred_of_them_under_sanitizers() -> None:
    compiler()
    fault = unsanitizable(host_compiler(), SANITIZERS)
    if fault is not None:
        pytest.skip(fault)

    result = campaign((*seed_files(), *converted_files()), 1200, compiled=100, first=100_000, sanitizers=SANITIZERS)

    assert result.findings == ()
    assert result.compiled == 100


# Files in which nothing is damaged, but whose sizes would take hours or terabytes.

LARGEST = 2**15 - 1


def tensor(name: str, *shape: int) -> QuantizedTensor:
    return QuantizedTensor(name, shape, 0.1, 0)  # type: ignore[arg-type]


def one_op(kind: Kind, source: tuple[int, ...], target: tuple[int, ...], **options: object) -> QuantizedGraph:
    op = QuantizedOp(kind, ("x",), "y", **options)  # type: ignore[arg-type]
    return QuantizedGraph((tensor("x", *source), tensor("y", *target)), (op,), "y")


def chain(kind: Kind, count: int, **options: object) -> QuantizedGraph:
    names = ["x", *(f"y{number}" for number in range(count))]
    ops = (QuantizedOp(kind, (names[number],), names[number + 1], **options) for number in range(count))  # type: ignore[arg-type]
    return QuantizedGraph(tuple(tensor(name, 8, 8, 1) for name in names), tuple(ops), names[-1])


def doubled_channels(times: int) -> QuantizedGraph:
    tensors, ops = [tensor("x", 4, 4, 1)], []
    for number in range(times):
        last = tensors[-1]
        tensors.append(tensor(f"y{number}", 4, 4, 2 * last.shape[2]))
        ops.append(QuantizedOp("CONCATENATION", (last.name, last.name), tensors[-1].name))
    tensors.append(tensor("largest", 4, 4, 2**times))
    ops.append(QuantizedOp("MAX_POOL_2D", (tensors[-2].name,), "largest", window=(3, 3), padding="same"))
    return QuantizedGraph(tuple(tensors), tuple(ops), "largest")


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(lambda: one_op("RELU6", (LARGEST, LARGEST, 1), (LARGEST, LARGEST, 1)), id="many_pixels"),
        pytest.param(lambda: one_op("MAX_POOL_2D", (LARGEST, 1, 1), (LARGEST, 1, 1)), id="many_rows"),
        pytest.param(
            lambda: one_op("MAX_POOL_2D", (LARGEST, 1, 1), (LARGEST, 1, 1), window=(LARGEST, 1), padding="same"),
            id="tall_window",
        ),
        pytest.param(
            lambda: one_op("MAX_POOL_2D", (LARGEST, 1, 1), (LARGEST, 1, 1), window=(1024, 1), padding="same"),
            id="window_in_many_rows",
        ),
        pytest.param(
            lambda: one_op("MAX_POOL_2D", (4096, 1, 1), (4096, 1, 1), window=(4095, 1), padding="same"),
            id="window_of_all_rows",
        ),
        pytest.param(
            lambda: one_op("AVERAGE_POOL_2D", (1, 4096, 1), (1, 4096, 1), window=(1, 1024), padding="same"),
            id="wide_window",
        ),
        pytest.param(
            lambda: one_op("AVERAGE_POOL_2D", (4096, 4096, 1), (4096, 4096, 1), window=(1024, 1024), padding="same"),
            id="large_window",
        ),
        pytest.param(lambda: one_op("PAD", (1, 1, 1), (4096, 4096, 1), margins=((4095, 0), (4095, 0))), id="margins"),
        pytest.param(lambda: one_op("RESIZE_NEAREST_NEIGHBOR", (77, 78, 1), (4096, 4095, 1)), id="enlarged"),
        pytest.param(lambda: doubled_channels(14), id="doubled_channels"),
        pytest.param(lambda: doubled_channels(10), id="many_parts"),
        pytest.param(lambda: chain("RELU6", 3000), id="long_chain"),
        pytest.param(lambda: chain("PAD", 3000), id="chain_of_views"),
        pytest.param(lambda: chain("MAX_POOL_2D", 500, window=(3, 3), padding="same"), id="many_stages"),
    ],
)
def test_hostile_sizes_are_refused_or_planned_within_limits(graph: Callable[[], QuantizedGraph]) -> None:
    (outcome,) = outcomes_of("generate", [write_tflite(graph())])

    assert outcome.kind != "broken", outcome.text


# The limits themselves.


def test_what_takes_too_long_or_too_much_memory_or_dies_is_broken_and_the_next_goes_on() -> None:
    outcomes = outcomes_of("misbehave", ["nothing", "allocate", "die", "nothing"])

    assert [outcome.kind for outcome in outcomes] == ["accepted", "broken", "broken", "accepted"]
    assert "MemoryError" in outcomes[1].text
    assert f"ended with {-signal.SIGKILL}" in outcomes[2].text
    assert MEMORY_BYTES < 4 << 30


@pytest.mark.slow
def test_what_does_not_end_is_broken() -> None:
    (outcome,) = outcomes_of("misbehave", ["spin"])

    assert outcome == Outcome("broken", f"_TookTooLong: more than {SECONDS_PER_TASK:g} s")
