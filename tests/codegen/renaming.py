"""Graphs whose layers have other names."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping

from nano_u.quantization import QuantizedGraph


def renamed(graph: QuantizedGraph, names: Mapping[str, str]) -> QuantizedGraph:
    """The graph with tensors under other names."""
    tensors = tuple(dataclasses.replace(tensor, name=names[tensor.name]) for tensor in graph.tensors)
    ops = tuple(
        dataclasses.replace(op, inputs=tuple(names[name] for name in op.inputs), output=names[op.output])
        for op in graph.ops
    )
    return QuantizedGraph(tensors, ops, names[graph.output])


def numbered_by_kind(graph: QuantizedGraph) -> QuantizedGraph:
    """The graph with the names that Keras gives by itself: a kind, and behind it a number from the second on."""
    names, counts = {graph.input: "image"}, Counter[str]()
    for op in graph.ops:
        number = counts[op.kind]
        counts[op.kind] += 1
        names[op.output] = f"{op.kind.lower()}_{number}" if number else op.kind.lower()
    return renamed(graph, names)
