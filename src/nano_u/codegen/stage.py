"""Stages: what is computed pixel by pixel in one go, without storing what lies between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from nano_u.codegen.axis import NOWHERE, Indices, neighbours, windows
from nano_u.codegen.view import VIEWS, View, views_of
from nano_u.quantization import QuantizedGraph, QuantizedOp, Shape

LOOKED_UP = frozenset({"LOGISTIC", "QUANTIZE", "RELU", "RELU6"})
"""Kinds whose output value is a function of one input value: 256 of them are a table."""

WINDOWED = frozenset({"AVERAGE_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"})


@dataclass(frozen=True)
class Stage:
    """A head operator, per-pixel operators behind it and perhaps a max-pool at the end; gives rows of `output`.

    `head` is None where a view is only copied. `rows` and `columns` are what the head computes, which is before the
    pool and without what the pool leaves out.
    """

    output: str
    shape: Shape
    head: QuantizedOp | None
    followers: tuple[QuantizedOp, ...]
    pool: QuantizedOp | None
    sources: tuple[View, ...]
    rows: int
    columns: int

    @property
    def ops(self) -> tuple[QuantizedOp, ...]:
        """All operators in order."""
        head = () if self.head is None else (self.head,)
        return head + self.followers + (() if self.pool is None else (self.pool,))

    @property
    def rows_per_output(self) -> int:
        """Rows that the head computes for one row of the output."""
        return 1 if self.pool is None else self.pool.window[0]

    @cached_property
    def reads(self) -> Mapping[str, tuple[Indices, ...]]:
        """By stored tensor and per row that the head computes: the rows of the tensor that it reads."""
        positions = row_positions(self.head, self.sources[0].height, self.rows)
        read: dict[str, list[set[int]]] = {}
        for part in (part for source in self.sources for part in source.parts):
            rows = read.setdefault(part.tensor, [set() for _ in positions])
            for under, found in zip(positions, rows, strict=True):
                found.update(part.rows[position] for position in under if position != NOWHERE)
        return {tensor: tuple(tuple(sorted(found - {NOWHERE})) for found in rows) for tensor, rows in read.items()}


def row_positions(head: QuantizedOp | None, height: int, rows: int) -> tuple[Indices, ...]:
    """Per row that the head computes, the rows of its source that it reads; NOWHERE in its own margins."""
    if head is not None and head.kind in WINDOWED:
        return windows(head, 0, height, rows)
    if head is not None and head.kind == "RESIZE_BILINEAR":
        return tuple((lower, upper) for lower, upper, _ in neighbours(head, height, rows))
    return tuple((row,) for row in range(rows))


def stages_of(graph: QuantizedGraph) -> tuple[Stage, ...]:
    """The stages that the output needs, in an order in which each reads only earlier ones."""
    ops = _needed(graph)
    views = views_of(ops, graph.by_name, graph.input)
    readers = Counter(name for op in ops for name in op.inputs)
    reader = {name: op for op in ops for name in op.inputs}
    stages: list[Stage] = []
    taken: set[str] = set()
    for op in ops:
        if op.kind in VIEWS or op.output in taken:
            continue
        chain = [op]
        while readers[chain[-1].output] == 1 and _is_per_pixel(reader[chain[-1].output]):
            chain.append(reader[chain[-1].output])
        last = chain[-1].output
        pool = reader[last] if readers[last] == 1 and _can_accumulate(reader[last]) else None
        taken.update(member.output for member in chain)
        if pool is not None:
            taken.add(pool.output)
        stages.append(_stage(graph, chain, pool, [views[name] for name in op.inputs]))
    if graph.output not in taken:
        stages.append(_copy(graph, views[graph.output]))
    return tuple(stages)


def _needed(graph: QuantizedGraph) -> list[QuantizedOp]:
    """The operators that the output depends on."""
    wanted = {graph.output}
    ops: list[QuantizedOp] = []
    for op in reversed(graph.ops):
        if op.output in wanted:
            wanted.update(op.inputs)
            ops.append(op)
    return ops[::-1]


def _is_per_pixel(op: QuantizedOp) -> bool:
    is_point = op.kind == "CONV_2D" and op.window == (1, 1) and op.strides == (1, 1)
    return is_point or op.kind in LOOKED_UP


def _can_accumulate(op: QuantizedOp) -> bool:
    """True for a max-pool whose windows neither overlap nor reach over the sides."""
    return op.kind == "MAX_POOL_2D" and op.padding == "valid" and op.window == op.strides


def _stage(
    graph: QuantizedGraph, chain: Sequence[QuantizedOp], pool: QuantizedOp | None, sources: Sequence[View]
) -> Stage:
    output = chain[-1].output if pool is None else pool.output
    shape = graph.by_name[output].shape
    rows, columns = (size * times for size, times in zip(shape[:2], pool.window if pool else (1, 1), strict=True))
    return Stage(output, shape, chain[0], tuple(chain[1:]), pool, tuple(sources), rows, columns)


def _copy(graph: QuantizedGraph, view: View) -> Stage:
    shape = graph.by_name[graph.output].shape
    return Stage(graph.output, shape, None, (), None, (view,), shape[0], shape[1])


def stored_shapes(graph: QuantizedGraph, stages: Sequence[Stage]) -> Mapping[str, Shape]:
    """Shapes of the tensors of which rows are kept: the input and every stage's output but the last's."""
    shapes = {graph.input: graph.by_name[graph.input].shape}
    return shapes | {stage.output: stage.shape for stage in stages[:-1]}
