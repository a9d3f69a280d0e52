"""What a `.tflite` file costs: flash for the file and its weights, RAM for the activations alive at once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nano_u.deploy.flatbuffer import TfliteGraph, read_graph

WEIGHTED_OPERATORS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})


@dataclass(frozen=True)
class TfliteSummary:
    """Sizes in bytes. `parameters` counts kernel and bias values, BatchNorm folded into them.

    `peak_activation_bytes` is the most that activations alive at one operator need, `peak_layer` that operator's
    layer; a real arena adds the bookkeeping that `MicroModel.arena_bytes` measures.
    """

    file_bytes: int
    weight_bytes: int
    parameters: int
    operators: tuple[str, ...]
    peak_activation_bytes: int
    peak_layer: str

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {**dataclasses.asdict(self), "operators": list(self.operators)}


def summarise_tflite(tflite: bytes) -> TfliteSummary:
    """Sizes, operators and activation peak of a model."""
    graph = read_graph(tflite)
    weights = [graph.tensors[index] for index in sorted(_weight_indices(graph))]
    alive = live_activation_bytes(graph)
    peak = max(range(len(alive)), key=alive.__getitem__)
    return TfliteSummary(
        file_bytes=graph.file_bytes,
        weight_bytes=sum(tensor.bytes for tensor in weights),
        parameters=sum(tensor.size for tensor in weights),
        operators=tuple(operator.name for operator in graph.operators),
        peak_activation_bytes=alive[peak],
        peak_layer=graph.operators[peak].layer,
    )


def live_activation_bytes(graph: TfliteGraph) -> tuple[int, ...]:
    """Bytes of activations in memory while each operator runs: its own inputs and outputs and all that wait."""
    born = dict.fromkeys(graph.inputs, 0)
    last_read = dict.fromkeys(graph.inputs, 0)
    for step, operator in enumerate(graph.operators):
        born.update(dict.fromkeys(operator.outputs, step))
        last_read.update(dict.fromkeys((*operator.inputs, *operator.outputs), step))
    last_read.update(dict.fromkeys(graph.outputs, len(graph.operators)))
    return tuple(
        sum(graph.tensors[index].bytes for index, start in born.items() if start <= step <= last_read[index])
        for step in range(len(graph.operators))
    )


def _weight_indices(graph: TfliteGraph) -> set[int]:
    """Constants that weighted operators read; sizes and axes of other operators are not weights."""
    return {
        index
        for operator in graph.operators
        if operator.name in WEIGHTED_OPERATORS
        for index in operator.inputs
        if graph.tensors[index].is_constant
    }
