"""Advice in filters, with what it saves: a finding about channels brought to the layers that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano_u.config import ThresholdsConfig
from nano_u.errors import ModelError
from nano_u.graph import Architecture
from nano_u.graph.channel_groups import ChannelSource, channel_sources, removed_by_producer
from nano_u.graph.price import Price, price
from nano_u.reporting.layer_finding import LayerFinding, step_of


@dataclass(frozen=True)
class WidthChange:
    """A layer's filters, now and as advised."""

    layer: str
    before: int
    after: int

    def __str__(self) -> str:
        """`decoder2_block2_pointwise: 16 -> 12`."""
        return f"{self.layer}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class WidthAdvice:
    """Which layers to narrow because of one finding, and the price; `price` is None where `no_price` says why.

    `channels` are the numbers that may go, of the tensor that the finding is about. Without `changes` the finding
    cannot be acted on, and `no_price` says why not.
    """

    finding: LayerFinding
    changes: tuple[WidthChange, ...]
    channels: tuple[int, ...]
    price: Price | None
    no_price: str = ""


def width_advice(
    findings: Sequence[LayerFinding], architecture: Architecture | None, thresholds: ThresholdsConfig
) -> tuple[WidthAdvice, ...]:
    """One piece of advice per finding whose verdict is "cut", most filters first."""
    cuts = [finding for finding in findings if finding.verdict == "cut"]
    advice = [_advice(finding, architecture, thresholds) for finding in cuts]
    return tuple(sorted(advice, key=lambda entry: -entry.finding.remove))


def removed_filters(advice: Sequence[WidthAdvice]) -> dict[str, int]:
    """Filters that each layer loses if all advice is followed; the smallest number where several speak of one layer."""
    removed: dict[str, int] = {}
    for entry in advice:
        for change in entry.changes:
            count = change.before - change.after
            removed[change.layer] = min(count, removed.get(change.layer, count))
    return removed


def total_price(advice: Sequence[WidthAdvice], architecture: Architecture | None) -> Price | None:
    """What following all of it saves; None without an architecture or without advice."""
    removed = removed_filters([entry for entry in advice if entry.price is not None])
    return price(architecture, removed) if architecture is not None and removed else None


def _advice(finding: LayerFinding, architecture: Architecture | None, thresholds: ThresholdsConfig) -> WidthAdvice:
    if architecture is None:
        change = WidthChange(finding.layer, finding.channels, finding.channels - finding.remove)
        return WidthAdvice(finding, (change,), finding.dropped, None, "no graph.json beside the metrics")
    try:
        sources = channel_sources(architecture, finding.layer)
    except ModelError:
        change = WidthChange(finding.layer, finding.channels, finding.channels - finding.remove)
        return WidthAdvice(finding, (change,), finding.dropped, None, "graph.json has no layer of that name")
    cut = removed_by_producer(sources, finding.dropped)
    removed = _in_steps(cut.filters, sources, finding.remove, thresholds)
    if not removed:
        reason = next((source.fixed for source in sources if source.fixed), None)
        return WidthAdvice(finding, (), cut.dropped, None, reason or "spread over layers, in none of them a whole step")
    widths = architecture.by_name
    changes = tuple(
        WidthChange(name, widths[name].filters or 0, (widths[name].filters or 0) - count)
        for name, count in removed.items()
    )
    return WidthAdvice(finding, changes, cut.dropped, price(architecture, removed))


def _in_steps(
    filters: Mapping[str, int], sources: Sequence[ChannelSource], most: int, thresholds: ThresholdsConfig
) -> dict[str, int]:
    """Whole steps of what each group of producers can lose, `most` channels of the tensor in all."""
    removed: dict[str, int] = {}
    for source in sources:
        step = step_of(source.stop - source.start, thresholds)
        able = max((filters.get(name, 0) for name in source.producers), default=0)
        count = min(able, most) // step * step
        if count and source.producers[0] not in removed:
            removed.update(dict.fromkeys(source.producers, count))
            most -= count
    return removed
