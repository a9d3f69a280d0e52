"""Channels that come and go together: the layers that make them and those whose weights mix them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras

from nano_u.graph import Architecture, Node
from nano_u.graph.channel_groups import FILTER_OPS
from nano_u.surgery.description import Sources, describe, is_repeat, nested_model, sources_by_tensor


@dataclass(frozen=True)
class Reader:
    """A place where a layer's weights mix the channels of a group.

    `layer` is a Conv2D, Conv2DTranspose, Dense, or SeparableConv2D (its pointwise half). `start` is the group's first
    channel among those of the layer's input. `padded`: an offset of the input does not reach every output pixel alike,
    because of zero padding or the phases of a transposed convolution, so that no bias can make up for it.
    """

    layer: str
    start: int
    padded: bool


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be removed together.

    `name` is the first of `producers`, in network order; filter `i` of each of them makes channel `i` of `width`.
    `readers` are all places that mix these channels, several in one layer where a concatenation repeats them. `fixed`
    is the reason why the group is left whole, else None.
    """

    name: str
    producers: tuple[str, ...]
    width: int
    readers: tuple[Reader, ...]
    fixed: str | None


def channel_groups(model: keras.Model) -> tuple[ChannelGroup, ...]:
    """All groups of a functional or sequential model, in network order.

    A layer with weights whose content is unknown is a group of its own, left whole.

    Raises ModelError for a subclassed model and for one that trains under int8 arithmetic.
    """
    architecture = describe(model)
    return groups_of(architecture, sources_by_tensor(architecture))


def groups_of(architecture: Architecture, sources: Sources) -> tuple[ChannelGroup, ...]:
    """All groups of the record, in its order."""
    readers = _readers(architecture, sources)
    nested = dict(_touched_by_nested(architecture, sources))
    groups: dict[tuple[str, ...], ChannelGroup] = {}
    for node in architecture.nodes:
        if node.op == "opaque" and node.parameters != 0:
            groups[(node.name,)] = _unknown(architecture, node)
        if node.op not in FILTER_OPS or is_repeat(architecture, node.name):
            continue
        (source,) = sources[node.name]
        key = source.producers
        producers = tuple(name for name in key if not is_repeat(architecture, name))
        fixed = source.fixed or nested.get(key)
        group = ChannelGroup(producers[0], producers, source.stop - source.start, tuple(readers.get(key, ())), fixed)
        groups.setdefault(key, group)
    return tuple(groups.values())


def _readers(architecture: Architecture, sources: Sources) -> Mapping[tuple[str, ...], list[Reader]]:
    found: dict[tuple[str, ...], list[Reader]] = {}
    for node in architecture.nodes:
        if node.op in FILTER_OPS:
            padded = _is_padded(architecture, node)
            for source in sources[node.inputs[0]]:
                found.setdefault(source.producers, []).append(Reader(node.name, source.start, padded))
    return found


def _is_padded(architecture: Architecture, node: Node) -> bool:
    if node.op == "conv2d_transpose":
        return (node.window, node.strides) != ((1, 1), (1, 1))
    if node.op != "conv2d" or node.padding == "valid":
        return False
    sizes, results = architecture.shapes[node.inputs[0]], architecture.shapes[node.name]
    reaches = ((results[axis] - 1) * node.strides[axis] + node.window[axis] for axis in (0, 1))
    return any(reach > size for reach, size in zip(reaches, sizes[:2], strict=True))


def _touched_by_nested(architecture: Architecture, sources: Sources) -> Iterator[tuple[tuple[str, ...], str]]:
    """Groups that pass through a model inside the model, which is rebuilt as it is."""
    for node in architecture.nodes:
        outer = nested_model(node.name)
        if outer is not None:
            for tensor in (node.name, *node.inputs):
                for source in sources[tensor]:
                    yield source.producers, f"they are made or read inside the nested model {outer}"


def _unknown(architecture: Architecture, node: Node) -> ChannelGroup:
    shape = architecture.shapes[node.name]
    fixed = f"{node.name} makes them, and what it does is unknown"
    return ChannelGroup(node.name, (node.name,), shape[-1] if shape else 0, (), fixed)
