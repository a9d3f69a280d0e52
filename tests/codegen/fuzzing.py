"""Mutated `.tflite` files against the generator, and the C of those that it accepts against LiteRT's reference kernels.

`python -m tests.codegen.fuzzing [FILES] [FIRST]` is `make fuzz`: it prints what became of the files and fails where one
broke the promise: refused in one line, or accepted and bit-equal.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tests.codegen.bounded_worker import Outcome, Task, outcomes_of
from tests.codegen.guarded import guarded
from tests.codegen.mutations import Mutation, mutation
from tests.codegen.seed_files import converted_files, images_for, seed_files

from nano_u.codegen import CSources, generate_c, plan_streaming
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.errors import DeployError
from nano_u.quantization import QuantizedGraph, run_integer
from nano_u.toolchain import host_build

FILES = 10_000
COMPILED = 100
IMAGES = 6
SANITIZERS = "address,undefined"
PROCESSES = 2


@dataclass(frozen=True)
class Campaign:
    """How many files were refused, accepted and compiled, and one line for each that should have been otherwise."""

    refused: int
    accepted: int
    compiled: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class _Accepted:
    mutation: Mutation
    graph: QuantizedGraph
    sources: CSources
    images: np.ndarray


def campaign(seeds: Sequence[bytes], count: int, compiled: int, first: int = 0, sanitizers: str = "") -> Campaign:
    """Mutations `first` to `first + count - 1`, the same at every call, of the seeds in turn.

    All that the generator accepts are compared: the integer reference with LiteRT's reference kernels. The C of at most
    `compiled` of them, each another network, is compared too.
    """
    mutations = [
        mutation(seeds[number % len(seeds)], np.random.default_rng(number)) for number in range(first, first + count)
    ]
    outcomes = _in_parallel("generate", [drawn.content for drawn in mutations])
    findings = [
        f"{drawn.what}: {outcome.text}"
        for drawn, outcome in zip(mutations, outcomes, strict=True)
        if outcome.kind == "broken"
    ]
    accepted = [
        _accepted(drawn) for drawn, outcome in zip(mutations, outcomes, strict=True) if outcome.kind == "accepted"
    ]
    references = _in_parallel("reference", [(found.mutation.content, found.images) for found in accepted])
    findings += _differing_references(accepted, references)
    chosen = list(_distinct(accepted, references))[:compiled]
    with ThreadPoolExecutor(PROCESSES) as pool:
        findings += [text for text in pool.map(lambda pair: _differing_c(*pair, sanitizers), chosen) if text]
    counts = Counter(outcome.kind for outcome in outcomes)
    return Campaign(counts["refused"], counts["accepted"], len(chosen), tuple(findings))


def _in_parallel(task: Task, arguments: Sequence[object]) -> list[Outcome]:
    parts = [
        arguments[len(arguments) * part // PROCESSES : len(arguments) * (part + 1) // PROCESSES]
        for part in range(PROCESSES)
    ]
    with ThreadPoolExecutor(PROCESSES) as pool:
        return [outcome for outcomes in pool.map(lambda part: outcomes_of(task, part), parts) for outcome in outcomes]


def _accepted(drawn: Mutation) -> _Accepted:
    graph = quantized_graph_of(drawn.content)
    return _Accepted(drawn, graph, generate_c(plan_streaming(graph), "net"), images_for(graph, IMAGES))


def _differing_references(accepted: Sequence[_Accepted], references: Sequence[Outcome]) -> Iterator[str]:
    for found, reference in zip(accepted, references, strict=True):
        if reference.outputs is None:
            yield f"{found.mutation.what}: accepted, but LiteRT {reference.kind}: {reference.text[:200]}"
        elif not np.array_equal(run_integer(found.graph, found.images), reference.outputs):
            yield f"{found.mutation.what}: the integer reference differs from LiteRT"


def _distinct(accepted: Sequence[_Accepted], references: Sequence[Outcome]) -> Iterator[tuple[_Accepted, np.ndarray]]:
    """One of all that lead to the same C."""
    known: set[str] = set()
    for found, reference in zip(accepted, references, strict=True):
        text = found.sources.header + found.sources.source
        if reference.outputs is not None and text not in known:
            known.add(text)
            yield found, reference.outputs


def _differing_c(found: _Accepted, expected: np.ndarray, sanitizers: str) -> str | None:
    try:
        sources = guarded(found.sources) if sanitizers else found.sources
        with host_build(sources, optimisation="-O0", sanitizers=sanitizers) as build:
            outputs = build.run(found.images)
    except DeployError as error:
        return f"{found.mutation.what}: {error}"
    differing = int((outputs != expected).sum())
    return f"{found.mutation.what}: {differing} bytes of the C differ from LiteRT" if differing else None


def _main(arguments: Sequence[str]) -> int:
    count, first = (int(text) for text in [*arguments, *(str(FILES), "0")[len(arguments) :]])
    seeds = (*seed_files(), *converted_files())
    result = campaign(seeds, count, COMPILED, first, SANITIZERS)
    lines = [
        f"{count} mutated files: {result.refused} refused, {result.accepted} accepted",
        f"all accepted ones compared with LiteRT; {result.compiled} of them compiled with {SANITIZERS} and compared",
        f"{len(result.findings)} findings",
        *result.findings,
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
