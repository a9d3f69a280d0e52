"""Pixel metrics from logits, accumulated as whole counts over an epoch; label 255 marks pixels to ignore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses.segmentation import LAST_CLASS_LABEL

Statistic = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def _ratio(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(numerator, denominator)


def _count(ones: tf.Tensor) -> tf.Tensor:
    """Number of ones: row by row in float32, which is exact up to 2^24, then in float64."""
    return tf.reduce_sum(tf.cast(tf.reduce_sum(ones, axis=(2, 3)), tf.float64))


def _f_beta(beta: float) -> Statistic:
    weight = beta * beta
    return lambda tp, fp, fn, tn: _ratio((1 + weight) * tp, (1 + weight) * tp + weight * fn + fp)


METRICS: dict[str, Statistic] = {
    "iou": lambda tp, fp, fn, tn: _ratio(tp, tp + fp + fn),
    "mean_iou": lambda tp, fp, fn, tn: (_ratio(tp, tp + fp + fn) + _ratio(tn, tn + fp + fn)) / 2.0,
    "precision": lambda tp, fp, fn, tn: _ratio(tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: _ratio(tp, tp + fn),
    "f1": _f_beta(1.0),
    "f05": _f_beta(0.5),
    "f2": _f_beta(2.0),
    "accuracy": lambda tp, fp, fn, tn: _ratio(tp + tn, tp + fp + fn + tn),
}
"""Statistics of (true positives, false positives, false negatives, true negatives); 0 where undefined."""


@keras.saving.register_keras_serializable(package="nano_u")
class ConfusionMetric(keras.metrics.Metric):
    """A statistic of `METRICS` over all pixels seen since the last reset, thresholding logits at `threshold`.

    Counts are float64 sums of float32 sums over an image's rows: exact up to 2^53 pixels.
    """

    def __init__(self, statistic: str = "iou", threshold: float = 0.0, name: str | None = None, **kwargs: Any) -> None:
        if statistic not in METRICS:
            raise ConfigError(f"unknown metric {statistic!r}; known: {', '.join(sorted(METRICS))}")
        super().__init__(name=name or statistic, **{**kwargs, "dtype": "float64"})
        self.statistic = statistic
        self.threshold = float(threshold)
        self.counts = self.add_variable((4,), initializer="zeros", name="counts", dtype="float64")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add the batch's counts; labels are the first channel of `y_true`, `sample_weight` is not used."""
        labels = tf.cast(y_true[..., :1], tf.float32)
        valid = tf.cast(labels < LAST_CLASS_LABEL, tf.float32)
        labels = labels * valid
        positive = tf.cast(tf.cast(y_pred, tf.float32) >= self.threshold, tf.float32) * valid
        hits, predicted, actual, pixels = (_count(part) for part in (positive * labels, positive, labels, valid))
        self.counts.assign_add(tf.stack([hits, predicted - hits, actual - hits, pixels - predicted - actual + hits]))

    def result(self) -> Any:
        """The statistic of all counts so far."""
        tp, fp, fn, tn = tf.unstack(tf.convert_to_tensor(self.counts))
        return METRICS[self.statistic](tp, fp, fn, tn)

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "statistic": self.statistic, "threshold": self.threshold}


def make_metric(statistic: str) -> ConfusionMetric:
    """The metric called `statistic`; an unknown name lists the known ones."""
    return ConfusionMetric(statistic)
