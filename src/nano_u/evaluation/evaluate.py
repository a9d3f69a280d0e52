"""Accuracy of a set of predictions: pooled and per group, beside the no-learning floor, with intervals."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.data.image_set import ImageSet
from nano_u.data.names import natural_key
from nano_u.errors import ConfigError
from nano_u.evaluation.bootstrap import (
    BootstrapTotals,
    Interval,
    Totals,
    block_bootstrap,
    bootstrap_interval,
    default_block_length,
)
from nano_u.evaluation.counts import ConfusionCounts, frame_counts, threshold_logits, total_counts
from nano_u.evaluation.frame_order import natural_order
from nano_u.evaluation.inputs import checked_floor, checked_logits, looks_like_probabilities
from nano_u.evaluation.metrics import SegmentationMetrics, segmentation_metrics

POOLED = "pooled"

DEFAULT_THRESHOLD = 0.5
"""Probability from which a pixel counts as foreground."""

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupResult:
    """Metrics over the pixels of one group (a recording), or of all: then its name is `POOLED`.

    `floor` is what the mean training mask reaches on the same pixels and `margin` the IoU above it, both None without
    training masks. Intervals are 95% and None for a single image, where nothing can be resampled.
    """

    name: str
    images: int
    foreground_share: float | None
    counts: ConfusionCounts
    metrics: SegmentationMetrics
    iou_interval: Interval | None
    floor: SegmentationMetrics | None
    margin: float | None
    margin_interval: Interval | None
    all_foreground: SegmentationMetrics
    all_background: SegmentationMetrics
    block_length: int | None
    """Frames per resampled block; None for the pooled row, whose groups each have their own."""


@dataclass(frozen=True)
class Evaluation:
    """Every number of an accuracy table, and in `warnings` what a reader must not overlook."""

    pooled: GroupResult
    groups: tuple[GroupResult, ...]
    threshold: float
    floor_threshold: float
    resamples: int
    seed: int
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: undefined values are None, never NaN."""
        record: dict[str, Any] = dataclasses.asdict(self)
        record["groups"] = list(record["groups"])
        record["warnings"] = list(self.warnings)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_dict`; other keys are passed over, ValueError names the first that is missing or wrong."""
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(cls).validate_python(dict(record))
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


@dataclass(frozen=True, eq=False)
class _Frames:
    """Counts per frame, `(frames, 4)`, of the model and of the predictors that look at no image."""

    model: Counts
    floor: Counts | None
    all_foreground: Counts
    all_background: Counts

    def select(self, positions: list[int]) -> _Frames:
        return _Frames(
            self.model[positions],
            None if self.floor is None else self.floor[positions],
            self.all_foreground[positions],
            self.all_background[positions],
        )

    def overlaps(self) -> Counts:
        """What the bootstrap sums: intersection and union of the model, then of the floor."""
        floor = np.zeros_like(self.model) if self.floor is None else self.floor
        columns = (self.model[:, 0], self.model[:, :3].sum(axis=1), floor[:, 0], floor[:, :3].sum(axis=1))
        return np.stack(columns, axis=1)


def evaluate(
    logits: npt.NDArray[np.floating],
    image_set: ImageSet,
    *,
    floor_probabilities: npt.NDArray[np.floating] | None,
    threshold: float = DEFAULT_THRESHOLD,
    floor_threshold: float = DEFAULT_THRESHOLD,
    block_length: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate `logits` `(images, height, width, 1)` against the masks of `image_set`.

    `floor_probabilities` are those of `MeanMaskFloor`, None only where no training masks are known. `block_length` is
    in frames, None for `default_block_length` of each group. The result does not depend on the order of the images.
    """
    if resamples < 1 or (block_length is not None and block_length < 1):
        raise ConfigError(f"resamples and block_length must be at least 1, got {resamples} and {block_length}")
    logits = checked_logits(logits, image_set)
    frames = _count_frames(logits, image_set, floor_probabilities, threshold, floor_threshold)
    members = _members(image_set)
    bootstraps = {
        name: _bootstrap(name, frames.select(positions), block_length, resamples, seed)
        for name, positions in members.items()
    }
    groups = tuple(
        _group_result(name, frames.select(positions), bootstraps[name], block_length)
        for name, positions in members.items()
    )
    pooled = _group_result(POOLED, frames, _pool(frames, members, bootstraps, resamples, seed), None)
    pooled = dataclasses.replace(pooled, block_length=None)
    warnings = (*_output_warnings(logits, pooled), *(line for row in (*groups, pooled) for line in _row_warnings(row)))
    return Evaluation(pooled, groups, threshold, floor_threshold, resamples, seed, warnings)


def _count_frames(
    logits: npt.NDArray[np.float32],
    image_set: ImageSet,
    floor_probabilities: npt.NDArray[np.floating] | None,
    threshold: float,
    floor_threshold: float,
) -> _Frames:
    masks = image_set.masks
    everywhere = np.ones((1, *masks.shape[1:]), dtype=bool)
    floor = None
    if floor_probabilities is not None:
        probabilities = checked_floor(floor_probabilities, image_set)
        floor = frame_counts((probabilities >= floor_threshold)[None, ..., None], masks)
    return _Frames(
        frame_counts(threshold_logits(logits, threshold), masks),
        floor,
        frame_counts(everywhere, masks),
        frame_counts(~everywhere, masks),
    )


def _members(image_set: ImageSet) -> dict[str, list[int]]:
    """Positions of each group's frames in natural order of their names; groups in natural order too."""
    members: dict[str, list[int]] = {}
    for index in natural_order(image_set.names):
        members.setdefault(image_set.groups[index], []).append(index)
    return {name: members[name] for name in sorted(members, key=natural_key)}


def _bootstrap(name: str, frames: _Frames, block_length: int | None, resamples: int, seed: int) -> BootstrapTotals:
    """Totals of one group, from a stream of its own: neither the other groups nor their order changes them."""
    overlaps = frames.overlaps()
    return block_bootstrap(
        overlaps,
        block_length=block_length or default_block_length(len(overlaps)),
        resamples=resamples,
        generator=np.random.default_rng([seed, zlib.crc32(name.encode("utf-8", "surrogateescape"))]),
    )


def _pool(
    frames: _Frames,
    members: dict[str, list[int]],
    bootstraps: dict[str, BootstrapTotals],
    resamples: int,
    seed: int,
) -> BootstrapTotals:
    """Each group resampled inside itself and summed; groups of one image are resampled together, image by image."""
    strata = [bootstraps[name] for name, positions in members.items() if len(positions) > 1]
    single = [positions[0] for positions in members.values() if len(positions) == 1]
    if single:
        strata.append(_bootstrap("", frames.select(single), 1, resamples, seed))
    total = strata[0]
    for stratum in strata[1:]:
        total = total + stratum
    return total


def _group_result(name: str, frames: _Frames, bootstrap: BootstrapTotals, block_length: int | None) -> GroupResult:
    count = len(frames.model)
    counts = total_counts(frames.model)
    metrics = segmentation_metrics(counts)
    floor = None if frames.floor is None else segmentation_metrics(total_counts(frames.floor))
    margin = None
    if floor is not None and metrics.iou is not None and floor.iou is not None:
        margin = metrics.iou - floor.iou
    resampled = count > 1
    return GroupResult(
        name=name,
        images=count,
        foreground_share=_share(counts),
        counts=counts,
        metrics=metrics,
        iou_interval=_clip(bootstrap_interval(_model_iou, metrics.iou, bootstrap), 0.0) if resampled else None,
        floor=floor,
        margin=margin,
        margin_interval=_clip(bootstrap_interval(_margin, margin, bootstrap), -1.0) if resampled else None,
        all_foreground=segmentation_metrics(total_counts(frames.all_foreground)),
        all_background=segmentation_metrics(total_counts(frames.all_background)),
        block_length=min(block_length or default_block_length(count), count),
    )


def _share(counts: ConfusionCounts) -> float | None:
    return (counts.true_positives + counts.false_negatives) / counts.pixels if counts.pixels else None


def _model_iou(totals: Totals) -> Totals:
    return _iou(totals[..., 0], totals[..., 1])


def _margin(totals: Totals) -> Totals:
    return _model_iou(totals) - _iou(totals[..., 2], totals[..., 3])


def _iou(intersection: Totals, union: Totals) -> Totals:
    return np.where(union > 0, intersection / np.where(union > 0, union, 1.0), np.nan)


def _clip(interval: Interval | None, lowest: float) -> Interval | None:
    return interval and Interval(max(interval.low, lowest), min(interval.high, 1.0))


def _output_warnings(logits: npt.NDArray[np.float32], pooled: GroupResult) -> list[str]:
    lines = []
    if looks_like_probabilities(logits):
        lines.append("all outputs lie in [0, 1]: they look like probabilities, but logits are expected")
    predicted = pooled.counts.true_positives + pooled.counts.false_positives
    if predicted in (0, pooled.counts.pixels):
        lines.append(f"the model predicts {'foreground' if predicted else 'background'} everywhere")
    return lines


def _row_warnings(row: GroupResult) -> list[str]:
    if row.metrics.iou is None:
        return [f"{row.name}: no foreground in truth or prediction, IoU is undefined"]
    lines = []
    if row.margin is not None and row.floor is not None:
        beside = f"{row.name}: IoU {row.metrics.iou:.3f}"
        if row.margin <= 0:
            lines.append(f"{beside} does not beat the no-learning floor {row.floor.iou:.3f}")
        elif row.margin_interval is not None and row.margin_interval.low <= 0:
            lines.append(f"{beside} is above the no-learning floor {row.floor.iou:.3f} by less than its uncertainty")
    everywhere = row.all_foreground.iou
    if everywhere is not None and everywhere > 0 and row.metrics.iou <= everywhere:
        lines.append(
            f"{row.name}: IoU {row.metrics.iou:.3f} does not beat predicting foreground everywhere {everywhere:.3f}"
        )
    return lines
