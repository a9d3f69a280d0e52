"""What narrower layers save, and what lowers the RAM peak where narrowing them does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nano_u.errors import ModelError
from nano_u.graph.channel_groups import FILTER_OPS, ChannelSource, channel_sources
from nano_u.graph.cost import CostSummary, summarise
from nano_u.graph.record import Architecture, Node, Op

_UPSAMPLINGS: frozenset[Op] = frozenset({"upsample_nearest", "upsample_bilinear"})


@dataclass(frozen=True)
class Price:
    """A network's costs before and after a change; the differences are negative where the change saves something."""

    before: CostSummary
    after: CostSummary

    @property
    def parameters(self) -> int:
        """Change in the values that Keras stores."""
        return self.after.parameters - self.before.parameters

    @property
    def macs(self) -> int:
        """Change in multiplications per image."""
        return self.after.macs - self.before.macs

    @property
    def weight_bytes(self) -> int:
        """Change in bytes of int8 weights and int32 biases."""
        return self.after.weight_bytes - self.before.weight_bytes

    @property
    def peak_activation_bytes(self) -> int:
        """Change in the RAM peak."""
        return self.after.peak_activation_bytes - self.before.peak_activation_bytes


@dataclass(frozen=True)
class PeakRemedy:
    """A 1x1 convolution to `filters` channels before the layer `upsample` lowers the RAM peak.

    `architecture` is the changed network, which computes another function and must be trained; `price` compares.
    """

    upsample: str
    filters: int
    price: Price
    architecture: Architecture


def price(architecture: Architecture, removed: Mapping[str, int]) -> Price:
    """The costs of `architecture` as it is and with every layer of `removed` narrowed by so many filters.

    Raises ModelError as `narrowed` does.
    """
    return Price(summarise(architecture), summarise(narrowed(architecture, removed)))


def narrowed(architecture: Architecture, removed: Mapping[str, int]) -> Architecture:
    """The same network with so many filters fewer in every layer of `removed`.

    Raises ModelError for an unknown layer, one without filters, one whose filters are fixed or that would keep none,
    and where layers whose channels are added to each other would lose different numbers.
    """
    for name, count in removed.items():
        _check_removal(architecture, name, count, removed)
    by_name = architecture.by_name
    left = {name: (by_name[name].filters or 0) - count for name, count in removed.items()}
    return _with_counted_batch_norms(architecture, architecture.with_filters(left))


def peak_remedy(architecture: Architecture) -> PeakRemedy | None:
    """The 1x1 convolution before an upsampling that lowers the RAM peak most; None where none would.

    Encoder-decoders peak at the first operators after their last upsampling, which hold a wide tensor in full
    resolution. Tried is every upsampling that is wider than the next convolution (the widest, if several read it): the
    new one is as wide as that, and BatchNorm and ReLU follow it. Shortcuts stay as they are.
    """
    before = summarise(architecture)
    found = [
        PeakRemedy(node.name, filters, Price(before, summarise(changed)), changed)
        for node in architecture.nodes
        if node.op in _UPSAMPLINGS
        for filters, changed in _reduced(architecture, node.name)
    ]
    best = min(found, key=lambda remedy: remedy.price.peak_activation_bytes, default=None)
    return best if best is not None and best.price.peak_activation_bytes < 0 else None


def _check_removal(architecture: Architecture, name: str, count: int, removed: Mapping[str, int]) -> None:
    sources = channel_sources(architecture, name)
    node = architecture.by_name[name]
    if node.op not in FILTER_OPS or node.filters is None:
        makers = dict.fromkeys(maker for source in sources for maker in source.producers)
        hint = f"; its channels are made by {', '.join(makers)}" if makers else ""
        raise ModelError(f"{name}: has no filters to remove{hint}")
    if not 0 <= count < node.filters:
        raise ModelError(f"{name}: cannot lose {count} of its {node.filters} filters; 0 to {node.filters - 1} can go")
    if count:
        _check_partners(name, count, sources[0], removed)


def _check_partners(name: str, count: int, source: ChannelSource, removed: Mapping[str, int]) -> None:
    if source.fixed is not None:
        raise ModelError(f"{name}: its channels cannot be removed: {source.fixed}")
    for partner in source.producers:
        if removed.get(partner, 0) != count:
            raise ModelError(
                f"{name} would lose {count} filters and {partner} {removed.get(partner, 0)}, "
                "but their channels are added to each other; remove the same number from both"
            )


def _with_counted_batch_norms(before: Architecture, after: Architecture) -> Architecture:
    """`after`, where a BatchNorm whose parameters are stated has as many vectors as in `before`, of the new width."""

    def recounted(node: Node) -> Node:
        if node.op != "batch_norm" or node.parameters is None:
            return node
        old, new = before.shapes[node.name][-1], after.shapes[node.name][-1]
        return dataclasses.replace(node, parameters=node.parameters * new // old)

    return dataclasses.replace(after, nodes=tuple(map(recounted, after.nodes)))


def _reduced(architecture: Architecture, upsample: str) -> Iterator[tuple[int, Architecture]]:
    """The width of the next convolution and the network narrowed to it before `upsample`, where that is possible."""
    wide = architecture.shapes[upsample][-1]
    filters = max(_next_widths(architecture, upsample), default=wide)
    if filters >= wide:
        return
    reduction, changed = _with_reduction(architecture, upsample, wide)
    source = channel_sources(changed, reduction)[0]
    if source.fixed is None and source.producers == (reduction,):
        yield filters, narrowed(changed, {reduction: wide - filters})


def _next_widths(architecture: Architecture, name: str) -> list[int]:
    """Filters of every layer that reads the channels of `name`, through layers that pass them on."""
    reached, waiting, widths = {name}, [name], []
    while waiting:
        for reader in set(architecture.consumers[waiting.pop()]) - reached:
            reached.add(reader)
            if architecture.by_name[reader].op in FILTER_OPS:
                widths.append(architecture.shapes[reader][-1])
            else:
                waiting.append(reader)
    return widths


def _with_reduction(architecture: Architecture, upsample: str, filters: int) -> tuple[str, Architecture]:
    """The name of a 1x1 convolution before `upsample`, followed by BatchNorm and ReLU, and the network with it."""
    name = f"{upsample.removesuffix('_upsample')}_reduce"
    while {name, f"{name}_bn", f"{name}_relu"} & set(architecture.by_name):
        name += "_"
    nodes: list[Node] = []
    for node in architecture.nodes:
        if node.name == upsample:
            nodes += [
                Node(name, "conv2d", node.inputs, filters=filters),
                Node(f"{name}_bn", "batch_norm", (name,)),
                Node(f"{name}_relu", "relu", (f"{name}_bn",)),
            ]
            node = dataclasses.replace(node, inputs=(f"{name}_relu",))
        nodes.append(node)
    return name, dataclasses.replace(architecture, nodes=tuple(nodes))
