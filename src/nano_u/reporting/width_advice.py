"""Advice in filters, with what it saves: a finding about channels brought to the layers that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano_u.config import ThresholdsConfig
from nano_u.errors import ModelError
from nano_u.graph import Architecture
from nano_u.graph.channel_groups import channel_sources
from nano_u.graph.price import Price, price
from nano_u.reporting.layer_finding import LayerFinding, step_of, upper_bound


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
    """One piece of advice per finding whose verdict is "cut", most filters first.

    A filter can go only where every linear layer that reads it, itself or further on, can do without it: what the
    findings allow is intersected, and a reader with too few samples allows nothing.
    """
    cuts = [finding for finding in findings if finding.verdict == "cut"]
    if architecture is None:
        advice = [_without_price(finding, "no graph.json beside the metrics") for finding in cuts]
    else:
        places = {finding.layer: _places(finding, architecture) for finding in findings if finding.read_linearly}
        allowed = _allowed(findings, places)
        advice = [_advice(finding, places[finding.layer], allowed, architecture, thresholds) for finding in cuts]
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


Group = tuple[str, ...]
"""Layers that can only be narrowed together."""


@dataclass(frozen=True)
class _Place:
    """Channels `start`, ... of a tensor, made by the filters 0, ... of a group."""

    group: Group
    start: int
    width: int


def _places(finding: LayerFinding, architecture: Architecture) -> tuple[_Place, ...] | str | None:
    """Where the channels of the finding come from, or why none can be cut; None where there is no such layer."""
    try:
        sources = channel_sources(architecture, finding.layer)
    except ModelError:
        return None
    free = tuple(
        _Place(source.producers, source.start, source.stop - source.start) for source in sources if not source.fixed
    )
    return free or next((source.fixed for source in sources if source.fixed), "no layer makes these channels")


def _allowed(
    findings: Sequence[LayerFinding], places: Mapping[str, tuple[_Place, ...] | str | None]
) -> dict[Group, set[int]]:
    """Filters of every group that all its linear readers can do without."""
    allowed: dict[Group, set[int]] = {}
    for finding in findings:
        found = places.get(finding.layer)
        for place in found if isinstance(found, tuple) else ():
            rebuilt = {channel - place.start for channel in finding.rebuilt}
            mine = rebuilt & set(range(place.width))
            allowed[place.group] = allowed.get(place.group, mine) & mine
    return allowed


def _advice(
    finding: LayerFinding,
    places: tuple[_Place, ...] | str | None,
    allowed: Mapping[Group, set[int]],
    architecture: Architecture,
    thresholds: ThresholdsConfig,
) -> WidthAdvice:
    if places is None:
        return _without_price(finding, "graph.json has no layer of that name")
    if isinstance(places, str):
        return WidthAdvice(finding, (), (), None, places)
    changes: dict[str, WidthChange] = {}
    channels: list[int] = []
    for place in places:
        step = step_of(place.width, thresholds)
        most = min(upper_bound(finding.score or 0.0, place.width, name, thresholds)[0] for name in place.group)
        # One filter always stays.
        count = min(len(allowed[place.group]), most, place.width - 1) // step * step
        if count:
            changes |= {name: WidthChange(name, place.width, place.width - count) for name in place.group}
            channels += [place.start + index for index in sorted(allowed[place.group])]
    if not changes:
        return WidthAdvice(finding, (), (), None, "another reader of the same filters needs them, or knows too little")
    removed = {name: change.before - change.after for name, change in changes.items()}
    return WidthAdvice(finding, tuple(changes.values()), tuple(channels), price(architecture, removed))


def _without_price(finding: LayerFinding, reason: str) -> WidthAdvice:
    change = WidthChange(finding.layer, finding.channels, finding.channels - finding.remove)
    return WidthAdvice(finding, (change,), finding.rebuilt, None, reason)
