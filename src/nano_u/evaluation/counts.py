"""Confusion counts per frame: what every metric, interval and curve is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.errors import ConfigError


@dataclass(frozen=True)
class ConfusionCounts:
    """Pixels by prediction and truth; ignored pixels are in none of the four."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def pixels(self) -> int:
        """Pixels counted."""
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives


def frame_counts(predicted: npt.NDArray[np.bool_], masks: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Counts of each frame, `(frames, 4)`: true positives, false positives, false negatives, true negatives.

    `predicted` and `masks` are `(frames, height, width, ...)`; a mask pixel is 0, 1, or 255 where it is
    ignored: then it counts nowhere. `predicted` may have
    one frame: it is then the prediction for every frame.
    """
    axes = tuple(range(1, masks.ndim))
    truth, background = masks == 1, masks == 0
    true_positives = np.count_nonzero(predicted & truth, axis=axes)
    false_positives = np.count_nonzero(predicted & background, axis=axes)
    false_negatives = np.count_nonzero(truth, axis=axes) - true_positives
    true_negatives = np.count_nonzero(background, axis=axes) - false_positives
    return np.stack([true_positives, false_positives, false_negatives, true_negatives], axis=1).astype(np.int64)


def total_counts(frames: npt.NDArray[np.int64]) -> ConfusionCounts:
    """Counts pooled over the rows of `frame_counts`."""
    return ConfusionCounts(*(int(total) for total in frames.sum(axis=0)))


def logit_threshold(probability: float) -> np.float32:
    """The logit at and above which a pixel is foreground: log(p / (1 - p)), -inf at 0 and +inf at 1.

    It is a float32, as the logits are, so that every place that thresholds them decides ties alike.

    >>> float(logit_threshold(0.5))
    0.0
    """
    if not 0.0 <= probability <= 1.0:
        raise ConfigError(f"threshold must be a probability in [0, 1], got {probability}")
    if probability == 0.0:
        return np.float32(-np.inf)
    if probability == 1.0:
        return np.float32(np.inf)
    return np.float32(np.log(probability) - np.log1p(-probability))


def threshold_logits(logits: npt.NDArray[np.floating], probability: float) -> npt.NDArray[np.bool_]:
    """True where the pixel's probability is at least `probability`: everywhere at 0, where it is exactly 1 at 1."""
    return np.asarray(logits, dtype=np.float32) >= logit_threshold(probability)


def to_logits(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Logits of probabilities in [0, 1]: -inf for 0, +inf for 1."""
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) - np.log1p(-np.asarray(probabilities))
    return np.asarray(logits, dtype=np.float32)
