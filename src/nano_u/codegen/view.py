"""Tensors that are not computed: what CONCATENATION, PAD and nearest resizes give, as places in stored tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nano_u.codegen.axis import Indices, identity, through_margins, through_nearest
from nano_u.quantization import QuantizedOp, QuantizedTensor

VIEWS = frozenset({"CONCATENATION", "PAD", "RESIZE_NEAREST_NEIGHBOR"})
"""Kinds that only say where values are."""


@dataclass(frozen=True)
class Part:
    """All channels of one stored tensor, read through one map per axis, as some channels of a view."""

    tensor: str
    channels: int
    first_channel: int
    rows: Indices
    columns: Indices


@dataclass(frozen=True)
class View:
    """A tensor as its readers see it: parts of equal height and width side by side along the channels.

    `zero_point` is the value of positions that are nowhere.
    """

    name: str
    parts: tuple[Part, ...]
    zero_point: int

    @property
    def height(self) -> int:
        """Rows of the view."""
        return len(self.parts[0].rows)

    @property
    def width(self) -> int:
        """Columns of the view."""
        return len(self.parts[0].columns)

    @property
    def channels(self) -> int:
        """Channels of all parts."""
        return sum(part.channels for part in self.parts)


def views_of(ops: Iterable[QuantizedOp], tensors: Mapping[str, QuantizedTensor], source: str) -> Mapping[str, View]:
    """Every tensor by its name, the input `source` and the outputs of `ops`; most are their own single part."""
    views = {source: _stored(tensors[source])}
    for op in ops:
        target = tensors[op.output]
        views[op.output] = _through(op, [views[name] for name in op.inputs], target)
    return views


def _stored(tensor: QuantizedTensor) -> View:
    height, width, channels = tensor.shape
    part = Part(tensor.name, channels, 0, identity(height), identity(width))
    return View(tensor.name, (part,), tensor.zero_point)


def _through(op: QuantizedOp, sources: list[View], target: QuantizedTensor) -> View:
    if op.kind not in VIEWS:
        return _stored(target)
    parts: list[Part] = []
    first_channel = 0
    for source in sources:
        for part in source.parts:
            rows, columns = part.rows, part.columns
            if op.kind == "PAD":
                rows, columns = through_margins(rows, *op.margins[0]), through_margins(columns, *op.margins[1])
            if op.kind == "RESIZE_NEAREST_NEIGHBOR":
                height, width, _ = target.shape
                rows, columns = through_nearest(rows, op, height), through_nearest(columns, op, width)
            parts.append(Part(part.tensor, part.channels, first_channel, rows, columns))
            first_channel += part.channels
    return View(target.name, tuple(parts), target.zero_point)
