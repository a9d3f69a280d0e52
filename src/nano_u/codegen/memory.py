"""Exact bytes of a streaming plan: the state in RAM and the constants in flash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nano_u.codegen.layout import Layout

COUNTER_BYTES = 2
"""Of each row counter, a uint16_t; the state's alignment too."""


@dataclass(frozen=True)
class StoredRows:
    """One buffer of the state: `rows` rows of a tensor at a time. `name` is its member in C, `layer` the tensor's."""

    name: str
    layer: str
    rows: int
    row_bytes: int

    @property
    def bytes(self) -> int:
        """Bytes of all its rows."""
        return self.rows * self.row_bytes


@dataclass(frozen=True)
class MemoryPlan:
    """RAM between calls (`state_bytes`: `buffers` and `counters`), and flash for constants."""

    buffers: tuple[StoredRows, ...]
    counters: int
    constant_bytes: int

    @property
    def state_bytes(self) -> int:
        """`sizeof` the state."""
        return state_bytes(self.buffers, self.counters)


def state_bytes(buffers: Sequence[StoredRows], counters: int) -> int:
    """`sizeof` a state of these buffers and counters."""
    used = counters * COUNTER_BYTES + sum(buffer.bytes for buffer in buffers)
    return -(-used // COUNTER_BYTES) * COUNTER_BYTES


def stored_rows(layout: Layout) -> tuple[StoredRows, ...]:
    """The rings in the order of the graph, and the row that is given out."""
    rings = [
        StoredRows(f"ring_{layout.identifiers[tensor]}", tensor, layout.ring_rows[tensor], layout.row_bytes(tensor))
        for tensor in layout.stored
    ]
    last = layout.stages[-1]
    return (*rings, StoredRows("output_row", last.output, 1, last.shape[1] * last.shape[2]))


def memory_plan(layout: Layout, constant_bytes: int) -> MemoryPlan:
    """The plan of a layout whose C has these constants."""
    return MemoryPlan(stored_rows(layout), counters(layout), constant_bytes)


def counters(layout: Layout) -> int:
    """Of the rows of every stored tensor, and of the output's."""
    return len(layout.stored) + 1
