"""How many bytes of activations a network needs: the bound that no plan beats, and the plan that is really made."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import NamedTuple

from nano_u.graph.deployed import DeployedGraph

ALIGNMENT_BYTES = 16  # every buffer of TensorFlow Lite Micro starts on such a boundary


def live_bytes(graph: DeployedGraph) -> tuple[int, ...]:
    """Bytes that hold data while each operator runs: all tensors still needed, its inputs and its output."""
    change = [0] * (len(graph.ops) + 1)
    for name, (first, last) in graph.lifetimes.items():
        change[first] += graph.tensor_bytes[name]
        change[last + 1] -= graph.tensor_bytes[name]
    total, result = 0, []
    for delta in change[: len(graph.ops)]:
        total += delta
        result.append(total)
    return tuple(result)


def planned_bytes(graph: DeployedGraph) -> int:
    """Bytes that TensorFlow Lite Micro's greedy planner gives the activations: at least the liveness peak.

    A transposed convolution also gets its int32 accumulators.
    """
    return max((place.offset + place.size for place in place_buffers(_buffers(graph))), default=0)


def place_tensors(graph: DeployedGraph) -> dict[str, Placement]:
    """Where the planner of `planned_bytes` puts every activation tensor, by the tensor's name."""
    places = place_buffers(_buffers(graph))
    return dict(zip(graph.lifetimes, places, strict=False))


class Placement(NamedTuple):
    """A buffer in the arena: where, how large, and the first and last operator during which it is in use."""

    offset: int
    size: int
    first: int
    last: int


def place_buffers(buffers: Sequence[tuple[int, int, int]]) -> list[Placement]:
    """Places `(size, first, last)` buffers as TensorFlow Lite Micro's GreedyMemoryPlanner does; in the order given.

    Largest first, of equal ones the later, each at the lowest offset that is free during its whole life.
    """
    placed: list[Placement] = []
    places: dict[int, Placement] = {}
    for index, (size, first, last) in sorted(enumerate(buffers), key=lambda entry: (-entry[1][0], -entry[0])):
        offset = 0
        for other in placed:
            if other.last < first or last < other.first:
                continue
            if other.offset - offset >= size:
                break
            offset = max(offset, other.offset + other.size)
        places[index] = Placement(offset, size, first, last)
        insort(placed, places[index])
    return [places[index] for index in range(len(buffers))]


def _buffers(graph: DeployedGraph) -> list[tuple[int, int, int]]:
    """Sizes and lives of the tensors in the order of `lifetimes`, then of the accumulators."""
    tensors = [(_aligned(graph.tensor_bytes[name]), *span) for name, span in graph.lifetimes.items()]
    accumulators = [
        (_aligned(4 * graph.tensor_bytes[op.name]), index, index)
        for index, op in enumerate(graph.ops)
        if op.op == "conv2d_transpose"
    ]
    return tensors + accumulators


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
