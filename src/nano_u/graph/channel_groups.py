"""Whose filters make the channels of a tensor, and which layers can only be narrowed together.

Channels that are added to each other are one group: a filter can go only together with its partners in all other
layers of the group. Every layer of a group that can be cut at all has as many filters as the group has channels.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import NamedTuple

from nano_u.errors import ModelError
from nano_u.graph.deployed import WEIGHTED_OPS
from nano_u.graph.record import Architecture, Node, Op

FILTER_OPS: frozenset[Op] = WEIGHTED_OPS - {"depthwise_conv2d"}
"""Operators that make new channels, one with each filter."""


@dataclass(frozen=True)
class ChannelSource:
    """Channels `start` to `stop - 1` of a tensor, made by the filters of `producers`.

    `producers` are all layers that must be narrowed together, in network order; none for an input and for a layer of
    unknown content. `fixed` says why these channels cannot be cut; None = they can, and filter `i` of each producer
    makes channel `start + i`.
    """

    producers: tuple[str, ...]
    start: int
    stop: int
    fixed: str | None


def channel_sources(architecture: Architecture, tensor_name: str) -> tuple[ChannelSource, ...]:
    """Sources of all output channels of the layer `tensor_name`, in channel order.

    Fixed are channels of an input, of a network output, and those that a layer of unknown content makes or reads; that
    a layer which runs more than once makes or reads; and additions of concatenations that are divided otherwise.

    Raises ModelError for a name that is no layer.
    """
    names = [node.name for node in architecture.nodes]
    if tensor_name not in names:
        raise ModelError(f"{architecture.name}: no layer called {tensor_name!r}; {_hint(tensor_name, names)}")
    sources, start = [], 0
    for segment in _segments(architecture)[tensor_name]:
        group, stop = segment.group.root(), start + segment.width
        producers = tuple(name for name in names if name in group.producers)
        sources.append(ChannelSource(producers, start, stop, group.fixed))
        start = stop
    return tuple(sources)


def _hint(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"it has {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"


@dataclass(eq=False)
class _Group:
    """Channels that come and go together; one that another group took in only points there."""

    producers: set[str] = field(default_factory=set)
    fixed: str | None = None
    taken_in_by: _Group | None = None

    def root(self) -> _Group:
        group = self
        while group.taken_in_by is not None:
            group = group.taken_in_by
        return group


class _Segment(NamedTuple):
    """Neighbouring channels of one group."""

    group: _Group
    width: int


_Segments = tuple[_Segment, ...]


def _segments(architecture: Architecture) -> Mapping[str, _Segments]:
    """The channels of every layer's output, with all couplings and obstacles of the network known to their groups."""
    segments: dict[str, _Segments] = {}
    for node in architecture.nodes:
        shape = architecture.shapes[node.name]
        width = shape[-1] if shape else 0
        segments[node.name] = _output_segments(node, [segments[name] for name in node.inputs], width)
    for name in architecture.outputs:
        _fix(segments[name], f"they are an output of the network, {name}")
    for node in architecture.nodes:
        if node.op == "opaque":
            _fix(_read_by(node, segments), f"{node.name} reads them, and what it does is unknown")
    for node in _run_repeatedly(architecture):
        reason = f"{node.name} makes or reads them, a layer that runs more than once"
        _fix([*segments[node.name], *_read_by(node, segments)], reason)
    return segments


def _output_segments(node: Node, inputs: Sequence[_Segments], width: int) -> _Segments:
    if node.op in FILTER_OPS:
        return (_Segment(_Group({node.name}), width),)
    if node.op == "input":
        return (_Segment(_Group(fixed=f"they come from the input {node.name}"), width),)
    if node.op == "opaque":
        return (_Segment(_Group(fixed=f"{node.name} makes them, and what it does is unknown"), width),) if width else ()
    if node.op == "concat":
        return tuple(chain.from_iterable(inputs))
    result = inputs[0]
    if node.op == "add":
        for other in inputs[1:]:
            result = _added(result, other, node.name)
    return result


def _added(one: _Segments, other: _Segments, name: str) -> _Segments:
    """The sum's channels; where both sides are divided differently, they become one fixed segment."""
    ends = _ends(one) & _ends(other)
    result = []
    for left, right in zip(_split(one, ends), _split(other, ends), strict=True):
        segment = _Segment(_merged([*left, *right]), sum(part.width for part in left))
        if len(left) > 1 or len(right) > 1:
            _fix([segment], f"{name} adds them to channels that other layers make in other portions")
        result.append(segment)
    return tuple(result)


def _ends(segments: _Segments) -> set[int]:
    return set(accumulate(segment.width for segment in segments))


def _split(segments: _Segments, ends: set[int]) -> list[list[_Segment]]:
    """The segments between neighbouring `ends`; the last segment stops at one of them."""
    portions: list[list[_Segment]] = [[]]
    stop = 0
    for segment in segments:
        portions[-1].append(segment)
        stop += segment.width
        if stop in ends:
            portions.append([])
    return portions[:-1]


def _merged(segments: Sequence[_Segment]) -> _Group:
    first, *others = dict.fromkeys(segment.group.root() for segment in segments)
    for other in others:
        first.producers |= other.producers
        first.fixed = first.fixed or other.fixed
        other.taken_in_by = first
    return first


def _fix(segments: Iterable[_Segment], reason: str) -> None:
    for segment in segments:
        group = segment.group.root()
        group.fixed = group.fixed or reason


def _read_by(node: Node, segments: Mapping[str, _Segments]) -> list[_Segment]:
    return [segment for name in node.inputs for segment in segments[name]]


def _run_repeatedly(architecture: Architecture) -> Iterator[Node]:
    """Layers that share their weights: the record of a running model lists the second call as `name#2`, without any."""
    repeats = [node for node in architecture.nodes if node.parameters == 0 and node.op in WEIGHTED_OPS | {"batch_norm"}]
    names = dict.fromkeys(name for node in repeats for name in (node.name.rpartition("#")[0], node.name))
    return (architecture.by_name[name] for name in names if name in architecture.by_name)
