"""What the C is written from: the graph, its stages and how many rows each ring holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nano_u.codegen.identifiers import layer_identifiers
from nano_u.codegen.stage import Stage, stored_shapes
from nano_u.quantization import QuantizedGraph, Shape


@dataclass(frozen=True)
class Layout:
    """Stages in the order of the graph; `ring_rows` of the input and of every stage's output but the last's."""

    graph: QuantizedGraph
    stages: tuple[Stage, ...]
    ring_rows: Mapping[str, int]

    @cached_property
    def identifiers(self) -> Mapping[str, str]:
        """Endings of C identifiers by tensor."""
        return layer_identifiers(tensor.name for tensor in self.graph.tensors)

    @cached_property
    def stored(self) -> Mapping[str, Shape]:
        """Shapes of the tensors that have a ring."""
        return stored_shapes(self.graph, self.stages)

    @cached_property
    def stage_of(self) -> Mapping[str, Stage]:
        """Stages by the tensor they give."""
        return {stage.output: stage for stage in self.stages}

    def row_bytes(self, tensor: str) -> int:
        """Bytes of one row of a stored tensor."""
        _, width, channels = self.stored[tensor]
        return width * channels
