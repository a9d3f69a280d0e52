"""What the last logged step says of one layer: a word, the evidence for it, and how many channels could go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from nano_u.config import ThresholdsConfig
from nano_u.redundancy import SAMPLES_PER_CHANNEL, LayerRedundancy, has_linear_reader
from nano_u.reporting.bands import band_of, redundancy_bands
from nano_u.reporting.trend import Trend

NARROW = 16
"""Layers with fewer channels are advised on channel by channel."""

_BOTTLENECK = re.compile("bottleneck", re.IGNORECASE)

Verdict = Literal["cut", "keep", "correlated", "elsewhere", "thin", "undefined"]


@dataclass(frozen=True)
class LayerFinding:
    """One monitored layer at the last logged step, with the rule that fired and the evidence it rests on."""

    layer: str
    channels: int
    word: str | None
    """excellent, good, moderate or high; None without a score."""
    score: float | None
    low: float | None
    high: float | None
    removable: float | None
    dead_channels: int | None
    effective_samples: float | None
    trend: Trend
    verdict: Verdict
    rule: str
    """Why this verdict, in one sentence."""
    keep: tuple[int, ...] | None = None
    remove: int = 0
    """Channels that may go: 0 unless the verdict is "cut"."""
    rebuilt: tuple[int, ...] = ()
    """Numbers of all channels that a linear layer can rebuild from `keep`, fewer or more than may go at a time."""
    read_linearly: bool = False
    """Whether a linear layer reads these channels, so that `keep` is known or would be with more samples."""


def layer_finding(layer: LayerRedundancy, trend: Trend, thresholds: ThresholdsConfig) -> LayerFinding:
    """The finding for one layer.

    The score chooses the word and nothing else. How many channels may go follows from `removable`, in steps of
    `channel_multiple` (of 1 in layers under `NARROW` channels) and, where the score is above the moderate threshold, at
    most 15 % of them (25 % of a bottleneck and 30 % elsewhere above the high threshold), but at least one step.
    """
    word = None
    if layer.redundancy_score is not None:
        word = band_of(layer.redundancy_score, redundancy_bands(thresholds)).name
    verdict, rule, remove = _decide(layer, thresholds)
    rebuilt: tuple[int, ...] = ()
    if layer.keep is not None:
        kept = set(layer.keep)
        rebuilt = tuple(channel for channel in range(layer.num_channels) if channel not in kept)
    return LayerFinding(
        layer=layer.layer,
        channels=layer.num_channels,
        word=word,
        score=layer.redundancy_score,
        low=layer.score_low,
        high=layer.score_high,
        removable=layer.removable,
        dead_channels=layer.dead_channels,
        effective_samples=layer.effective_samples,
        trend=trend,
        verdict=verdict,
        rule=rule,
        keep=layer.keep,
        remove=remove,
        rebuilt=rebuilt,
        read_linearly=has_linear_reader(layer),
    )


def _decide(layer: LayerRedundancy, thresholds: ThresholdsConfig) -> tuple[Verdict, str, int]:
    if layer.redundancy_score is None:
        return "undefined", layer.reason or "no score", 0
    if not layer.reliable:
        samples = 0 if layer.effective_samples is None else layer.effective_samples
        needed = SAMPLES_PER_CHANNEL * (layer.sampled_channels or layer.num_channels)
        return "thin", f"too little evidence: {samples:,.0f} effective samples, {needed:,} are needed", 0
    if layer.keep is None or layer.removable is None:
        return "elsewhere", layer.removable_reason or "how many channels can go is not known here", 0
    droppable = layer.num_channels - len(layer.keep)
    step = step_of(layer.num_channels, thresholds)
    whole_steps = droppable // step * step
    if whole_steps:
        bound, why = upper_bound(layer.redundancy_score, layer.num_channels, layer.layer, thresholds)
        text = f"removable {layer.removable:.3f}: {droppable} of {layer.num_channels} channels"
        text += f", in steps of {step}" if step > 1 else ""
        return "cut", text + (why if bound < whole_steps else ""), min(whole_steps, bound)
    few = f"only {droppable} can go, less than a step of {step}" if droppable else "no channel can be dropped"
    if layer.redundancy_score > thresholds.moderate_redundancy:
        return "correlated", f"correlated, but {few}", 0
    return "keep", few, 0


def step_of(channels: int, thresholds: ThresholdsConfig) -> int:
    """Channels that a layer of so many is advised to lose at a time."""
    return 1 if channels < NARROW else thresholds.channel_multiple


def upper_bound(score: float, channels: int, name: str, thresholds: ThresholdsConfig) -> tuple[int, str]:
    """Most of the `channels` that the layer `name` makes to advise on at this score, and how to say so."""
    if score <= thresholds.moderate_redundancy:
        return channels, ""
    percent = 15
    if score > thresholds.high_redundancy:
        percent = 25 if _BOTTLENECK.search(name) else 30
    step = step_of(channels, thresholds)
    bound = max(step, channels * percent // 100 // step * step)
    return bound, f"; at most {percent} % at a time at this score"
