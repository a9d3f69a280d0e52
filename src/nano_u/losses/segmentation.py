"""Losses for binary segmentation from logits `(batch, height, width, 1)`; label 255 marks pixels to ignore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from nano_u.errors import ConfigError

LAST_CLASS_LABEL = 1.5
"""Labels above this are the ignored value 255."""


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Mean binary cross-entropy over valid pixels, in nats.

    `softplus(z) - z y` equals the usual formulation and costs a tenth of it in a training step.
    """
    pixel_loss = tf.nn.softplus(logits) - logits * labels
    return tf.math.divide_no_nan(tf.reduce_sum(pixel_loss * valid), tf.reduce_sum(valid))


def tversky(
    logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor, *, false_positives: float, false_negatives: float
) -> tf.Tensor:
    """One minus the soft Tversky index over the batch, in [0, 1] (Salehi et al. 2017, eq. 3); Dice at 0.5 and 0.5."""
    probs = tf.sigmoid(logits) * valid
    labels = labels * valid
    hits = tf.reduce_sum(probs * labels)
    false_alarms = tf.reduce_sum(probs) - hits
    misses = tf.reduce_sum(labels) - hits
    smooth = 1.0  # one pixel: defined for batches without foreground
    index = (hits + smooth) / (hits + false_positives * false_alarms + false_negatives * misses + smooth)
    return 1.0 - index


def dice(logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """One minus the soft Dice coefficient over the batch, in [0, 1] (Milletari et al. 2016)."""
    return tversky(logits, labels, valid, false_positives=0.5, false_negatives=0.5)


def recall_tversky(logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Tversky loss that weighs misses (0.7) above false alarms (0.3)."""
    return tversky(logits, labels, valid, false_positives=0.3, false_negatives=0.7)


def precision_tversky(logits: tf.Tensor, labels: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Tversky loss that weighs false alarms (0.7) above misses (0.3)."""
    return tversky(logits, labels, valid, false_positives=0.7, false_negatives=0.3)


PixelLoss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

LOSSES: dict[str, tuple[PixelLoss, ...]] = {
    "bce": (cross_entropy,),
    "dice": (dice,),
    "tversky": (recall_tversky,),
    "bce_dice": (cross_entropy, dice),
    "bce_tversky": (cross_entropy, recall_tversky),
    "tversky_precision": (precision_tversky,),
    "bce_tversky_precision": (cross_entropy, precision_tversky),
}
"""A loss is the mean of its parts."""


@keras.saving.register_keras_serializable(package="nano_u")
class SegmentationLoss(keras.losses.Loss):
    """A named loss of `LOSSES` as a Keras loss; returns one scalar for the batch."""

    def __init__(self, kind: str = "bce", name: str = "segmentation_loss", **kwargs: Any) -> None:
        super().__init__(name=name, reduction="mean", **{k: v for k, v in kwargs.items() if k != "reduction"})
        if kind not in LOSSES:
            raise ConfigError(f"unknown loss {kind!r}; known: {', '.join(sorted(LOSSES))}")
        self.kind = kind

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The mean of the loss' parts over valid pixels."""
        logits = tf.cast(y_pred, tf.float32)
        labels = tf.cast(y_true, tf.float32)
        valid = tf.cast(labels < LAST_CLASS_LABEL, tf.float32)
        labels = labels * valid
        parts = [part(logits, labels, valid) for part in LOSSES[self.kind]]
        return tf.add_n(parts) / float(len(parts))

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        return {**super().get_config(), "kind": self.kind}


def make_loss(kind: str) -> SegmentationLoss:
    """The loss called `kind`; an unknown name lists the known ones."""
    return SegmentationLoss(kind)
