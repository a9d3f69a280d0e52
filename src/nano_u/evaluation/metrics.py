"""Segmentation metrics from confusion counts. An undefined ratio is None, never NaN and never a flattering 1."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.evaluation.counts import ConfusionCounts


@dataclass(frozen=True)
class SegmentationMetrics:
    """All in [0, 1], or None where the ratio is 0/0.

    `iou`, `f1`, `f05`, `f2` are of the class and None when neither truth nor prediction holds a foreground pixel.
    `mean_iou` averages the class and the background and is None unless both are defined: a mean over the only class
    present would read 1. `precision` is None when nothing was predicted, `recall` when there was nothing to find.
    """

    iou: float | None
    mean_iou: float | None
    f1: float | None
    f05: float | None
    f2: float | None
    precision: float | None
    recall: float | None
    accuracy: float | None


def segmentation_metrics(counts: ConfusionCounts) -> SegmentationMetrics:
    """Metrics of pooled counts.

    >>> segmentation_metrics(ConfusionCounts(3, 1, 0, 12)).iou
    0.75
    """
    hits, false_alarms, misses = counts.true_positives, counts.false_positives, counts.false_negatives
    iou = _ratio(hits, hits + false_alarms + misses)
    background_iou = _ratio(counts.true_negatives, counts.true_negatives + false_alarms + misses)
    return SegmentationMetrics(
        iou=iou,
        mean_iou=None if iou is None or background_iou is None else (iou + background_iou) / 2,
        f1=f_score(counts, beta=1.0),
        f05=f_score(counts, beta=0.5),
        f2=f_score(counts, beta=2.0),
        precision=_ratio(hits, hits + false_alarms),
        recall=_ratio(hits, hits + misses),
        accuracy=_ratio(hits + counts.true_negatives, counts.pixels),
    )


def f_score(counts: ConfusionCounts, *, beta: float) -> float | None:
    """F-beta of the class: recall weighs `beta` times as much as precision; beta 1 is F1, also called Dice."""
    weighted_hits = (1 + beta**2) * counts.true_positives
    return _ratio(weighted_hits, weighted_hits + beta**2 * counts.false_negatives + counts.false_positives)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
