"""Which cut buys most of what a budget lacks for the least expected loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nano_u.graph import Architecture, layer_costs, narrowed, summarise
from nano_u.graph.budget import Budget, cost_of
from nano_u.graph.cost import CostSummary
from nano_u.models import architecture_of
from nano_u.reporting.shrink_steps import ShrinkStep
from nano_u.surgery import ChannelGroup, Choice, choose_channels

if TYPE_CHECKING:
    import keras

FIRST_SHARE = 0.25
"""Of a layer's filters that a first cut takes."""

LEAST_SHARE = 1 / 32
"""Below it, layers whose cuts were undone are left alone."""

LOSS_FLOOR = 1e-3
"""Cuts that are expected to lose less are told apart by what they buy alone."""

PEAK_POWER = 16
"""Several layers can share the peak of RAM: a mean of so high a power falls when one of them gets narrower."""


@dataclass(frozen=True)
class Move:
    """Narrower layers that are narrowed together: the channels kept, what it buys, what it is expected to lose.

    `gain` is the fall of `excess`; `choice.loss` the share of the next layers' output variance that is lost; `cost`
    that of the network after this cut alone.
    """

    group: ChannelGroup
    choice: Choice
    gain: float
    cost: CostSummary

    @property
    def worth(self) -> float:
        """What it buys for what it loses."""
        return self.gain / (self.choice.loss + LOSS_FLOOR)


def shares_after(steps: Iterable[ShrinkStep]) -> dict[str, float]:
    """How much of each group to cut next, by name: half as much after each cut that was undone, at last nothing."""
    shares: dict[str, float] = {}
    for step in steps:
        if step.group is not None and not step.kept:
            filters = (step.filters_before or 0) - (step.filters_after or 0)
            half = shares.get(step.group, FIRST_SHARE) / 2
            shares[step.group] = half if filters > 1 and half >= LEAST_SHARE else 0.0
    return shares


def excess(architecture: Architecture, budget: Budget | None) -> float:
    """How far the network is from where it should be, as a sum of logarithms; without a budget its size itself.

    What keeps its limit already counts no more; of RAM a mean over layers stands for the peak.
    """
    cost = summarise(architecture)
    if budget is None:
        return math.log(cost.macs) + math.log(max(cost.weight_bytes, 1))
    exceeded = budget.exceeded(cost)
    return math.fsum(math.log(_amount(name, architecture, cost) / budget.limits[name]) for name in exceeded)


def moves(
    model: keras.Model,
    groups: Sequence[ChannelGroup],
    moments: Mapping[str, Any],
    *,
    shares: Mapping[str, float],
    budget: Budget | None,
) -> list[Move]:
    """Every cut that brings the network nearer to the budget, the most worthwhile first.

    `shares` says how much of a group is cut, by its name (`FIRST_SHARE` otherwise); 0 where nothing is.
    """
    architecture = architecture_of(model)
    before = excess(architecture, budget)
    found = []
    for group in groups:
        count = removed(group, shares.get(group.name, FIRST_SHARE))
        if group.fixed is not None or not count:
            continue
        smaller = narrowed(architecture, dict.fromkeys(group.producers, count))
        gain = before - excess(smaller, budget)
        if gain > 0:
            choice = choose_channels(group, model, moments, group.width - count)
            found.append(Move(group, choice, gain, summarise(smaller)))
    return sorted(found, key=lambda move: move.worth, reverse=True)


def removed(group: ChannelGroup, share: float) -> int:
    """Filters that a share of the group is, rounded down but at least one; one always stays."""
    return min(max(1, int(group.width * share)), group.width - 1) if share > 0 else 0


def _amount(name: str, architecture: Architecture, cost: CostSummary) -> float:
    """What counts against a limit: of RAM a little more than there is, the more so the more layers are at its peak."""
    if name != "ram":
        return cost_of(cost, name)
    live = [row.activation_bytes for row in layer_costs(architecture)]
    largest = cost.peak_activation_bytes
    times_peak = math.pow(math.fsum((value / largest) ** PEAK_POWER for value in live), 1 / PEAK_POWER)
    return cost.arena_estimate_bytes + (times_peak - 1) * largest
