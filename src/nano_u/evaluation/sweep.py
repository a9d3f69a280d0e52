"""What another threshold would give: metrics at every one of them, and precision against recall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.evaluation.counts import ConfusionCounts, logit_threshold
from nano_u.evaluation.metrics import SegmentationMetrics, segmentation_metrics

THRESHOLDS = 101
CURVE_POINTS = 400  # a curve drawn on paper shows no more; the average precision uses all of them


@dataclass(frozen=True)
class SweepPoint:
    """Metrics of all pixels at one threshold."""

    threshold: float
    metrics: SegmentationMetrics


@dataclass(frozen=True)
class ThresholdSweep:
    """Metrics at evenly spaced thresholds in [0, 1], ascending."""

    points: tuple[SweepPoint, ...]

    @property
    def best(self) -> SweepPoint | None:
        """The point of highest IoU, of equal ones the nearest to 0.5; None where no IoU is defined.

        It is reported, never applied: a threshold chosen on the images it is judged on flatters the model.
        """
        defined = [point for point in self.points if point.metrics.iou is not None]
        return max(defined, key=lambda point: (point.metrics.iou, -abs(point.threshold - 0.5)), default=None)


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision against recall with falling threshold: `CURVE_POINTS` of the exact curve, ascending in recall.

    `average_precision` is the sum of precision times the gain in recall over **every** distinct logit; None, with no
    points, where the truth holds no foreground. `foreground_share` is the precision of foreground everywhere.
    """

    thresholds: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    average_precision: float | None
    foreground_share: float | None


def threshold_sweep(
    logits: npt.NDArray[np.floating], masks: npt.NDArray[np.uint8], *, thresholds: int = THRESHOLDS
) -> ThresholdSweep:
    """Metrics at each threshold, exact, from one histogram of the logits between neighbouring thresholds."""
    levels = [index / (thresholds - 1) for index in range(thresholds)]
    edges = np.array([logit_threshold(level) for level in levels])
    reached = np.searchsorted(edges, np.asarray(logits, np.float32).ravel(), side="right")
    truth = masks.ravel()
    hits = _at_least(reached[truth == 1], thresholds)
    false_alarms = _at_least(reached[truth == 0], thresholds)
    positives, negatives = int(np.count_nonzero(truth == 1)), int(np.count_nonzero(truth == 0))
    return ThresholdSweep(
        tuple(
            SweepPoint(level, segmentation_metrics(ConfusionCounts(hit, alarm, positives - hit, negatives - alarm)))
            for level, hit, alarm in zip(levels, hits.tolist(), false_alarms.tolist(), strict=True)
        )
    )


def precision_recall_curve(
    logits: npt.NDArray[np.floating], masks: npt.NDArray[np.uint8], *, max_points: int = CURVE_POINTS
) -> PrecisionRecallCurve:
    """The curve over all distinct logits, thinned to `max_points` for drawing."""
    counted = masks.ravel() <= 1
    scores = np.asarray(logits, np.float32).ravel()[counted]
    truth = masks.ravel()[counted] == 1
    positives = int(np.count_nonzero(truth))
    share = positives / len(truth) if len(truth) else None
    if positives == 0:
        return PrecisionRecallCurve((), (), (), None, share)

    values, position = np.unique(scores, return_inverse=True)
    hits = np.bincount(position[truth], minlength=len(values))[::-1].cumsum()
    predicted = np.bincount(position, minlength=len(values))[::-1].cumsum()
    recall, precision = hits / positives, hits / predicted
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    kept = _thin(recall, max_points)
    probabilities = 1 / (1 + np.exp(-np.clip(values[::-1][kept].astype(np.float64), -700, 700)))
    return PrecisionRecallCurve(
        tuple(probabilities.tolist()), tuple(recall[kept].tolist()), tuple(precision[kept].tolist()), average, share
    )


def _at_least(reached: npt.NDArray[np.intp], thresholds: int) -> npt.NDArray[np.intp]:
    """How many values reach each threshold, when `reached` says how many thresholds each value reaches."""
    return np.bincount(reached, minlength=thresholds + 1)[::-1].cumsum()[::-1][1:]


def _thin(recall: npt.NDArray[np.float64], max_points: int) -> npt.NDArray[np.intp]:
    """Positions of at most `max_points` points, evenly spread in recall, first and last included."""
    if len(recall) <= max_points:
        return np.arange(len(recall))
    wanted = np.linspace(recall[0], recall[-1], max_points - 1)
    return np.unique(np.append(np.searchsorted(recall, wanted), len(recall) - 1))
