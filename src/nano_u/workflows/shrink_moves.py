"""Which change buys most of what a budget lacks for the least expected loss."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nano_u.graph import Architecture, layer_costs, narrowed, summarise
from nano_u.graph.budget import Budget, cost_of
from nano_u.graph.cost import CostSummary
from nano_u.models import architecture_of
from nano_u.reporting.shrink_steps import ShrinkStep, StepKind
from nano_u.surgery import (
    ChannelGroup,
    Rewiring,
    channel_groups,
    choose_channels,
    cut_channels,
    lost_share,
    measure_readers,
    rewired_model,
    rewirings,
)

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt

    from nano_u.redundancy import Moments

FIRST_SHARE = 0.25
"""Of a layer's filters that a first cut takes."""

LEAST_SHARE = 1 / 32
"""Below it, layers whose cuts were undone are left alone."""

LOSS_FLOOR = 1e-3
"""Cuts that are expected to lose less are told apart by what they buy alone."""

COMPARED_IMAGES = 64
"""On which a network with other connections is compared with the one before."""

PEAK_POWER = 16
"""Several layers can share the peak of RAM: a mean of so high a power falls when one of them gets narrower."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of a network: the moments of what its layers read, by layer, and how it could be rewired.

    Of each rewiring the record of the network that comes of it, and the share that is lost before training.
    """

    moments: Mapping[str, Moments]
    rewired: tuple[tuple[Rewiring, Architecture, float], ...]

    @classmethod
    def of(
        cls, model: keras.Model, images: npt.NDArray[np.float32], progress: Callable[[int, int], None] | None = None
    ) -> Measured:
        """On these training images, in [0, 1]."""
        some = images[:COMPARED_IMAGES]
        rewired = []
        for rewiring in rewirings(model):
            other = rewired_model(model, rewiring)
            rewired.append((rewiring, architecture_of(other), lost_share(model, other, rewiring, some)))
        return cls(measure_readers(model, images, progress=progress), tuple(rewired))


@dataclass(frozen=True, eq=False)
class Move:
    """A change that makes the network smaller: what it buys, what it is expected to lose, and how it is made.

    `name` is unique among the moves of a network; `filters` are those of each of the layers before and after, None
    where layers go or change places. `gain` is the fall of `excess`; `loss` the share of the variance of what the next
    layers read, or make, that is lost before training; `cost` that of the network after this move alone.
    """

    kind: StepKind
    name: str
    text: str
    gain: float
    loss: float
    cost: CostSummary
    make: Callable[[], keras.Model]
    filters: tuple[int, int] | None = None

    @property
    def worth(self) -> float:
        """What it buys for what it loses."""
        return self.gain / (self.loss + LOSS_FLOOR)


def shares_after(steps: Iterable[ShrinkStep]) -> dict[str, float]:
    """How much of each group to cut next, by name: half as much after each cut that was undone, at last nothing.

    Nothing at once for a change that is made as a whole.
    """
    shares: dict[str, float] = {}
    for step in steps:
        if step.group is not None and not step.kept:
            filters = (step.filters_before or 0) - (step.filters_after or 0)
            half = shares.get(step.group, FIRST_SHARE) / 2
            shares[step.group] = half if filters > 1 and half >= LEAST_SHARE else 0.0
    return shares


def times_undone(steps: Iterable[ShrinkStep]) -> Counter[str]:
    """How often each move was undone, by name."""
    return Counter(step.group for step in steps if step.group is not None and not step.kept)


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
    model: keras.Model, measured: Measured, *, steps: Sequence[ShrinkStep] = (), budget: Budget | None
) -> list[Move]:
    """Every change that brings the network nearer to the budget, the most worthwhile first.

    Narrower layers, a block fewer, a block before the upsampling that it followed. Cuts that were undone in `steps`
    wait until the others were, and take fewer filters then; blocks that were undone stay. So do those that gave nothing
    but zeros: against them any loss is infinite.
    """
    undone = times_undone(steps)
    judge = _Judge(architecture_of(model), budget)
    found = (*_cuts(model, measured, shares_after(steps), judge), *_rewirings(model, measured, undone, judge))
    return sorted(found, key=lambda move: (undone[move.name], -move.worth))


class _Judge:
    """What a smaller network buys."""

    def __init__(self, now: Architecture, budget: Budget | None) -> None:
        self.now = now
        self._budget = budget
        self._excess = excess(now, budget)

    def gain(self, smaller: Architecture) -> float:
        """The fall of `excess`."""
        return self._excess - excess(smaller, self._budget)


def _cuts(model: keras.Model, measured: Measured, shares: Mapping[str, float], judge: _Judge) -> Iterator[Move]:
    for group in channel_groups(model):
        count = removed(group, shares.get(group.name, FIRST_SHARE))
        if group.fixed is not None or not count:
            continue
        smaller = narrowed(judge.now, dict.fromkeys(group.producers, count))
        gain = judge.gain(smaller)
        if gain > 0:
            left = group.width - count
            choice = choose_channels(group, model, measured.moments, left)
            others = f" and {len(group.producers) - 1} more" if len(group.producers) > 1 else ""
            yield Move(
                "cut",
                group.name,
                f"{group.name}{others}: {group.width} -> {left} filters",
                gain,
                choice.loss,
                summarise(smaller),
                partial(_cut, model, {group.name: choice.keep}, measured),
                (group.width, left),
            )


def _cut(model: keras.Model, keeps: Mapping[str, Sequence[int]], measured: Measured) -> keras.Model:
    return cut_channels(model, keeps, measured.moments).model


def _rewirings(model: keras.Model, measured: Measured, undone: Mapping[str, int], judge: _Judge) -> Iterator[Move]:
    for rewiring, smaller, loss in measured.rewired:
        gain = judge.gain(smaller)
        if gain > 0 and not undone.get(rewiring.name) and not math.isinf(loss):
            make = partial(rewired_model, model, rewiring)
            yield Move(rewiring.kind, rewiring.name, rewiring.text, gain, loss, summarise(smaller), make)


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
