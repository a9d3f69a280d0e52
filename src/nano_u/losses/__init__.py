"""Segmentation losses, distillation divergence and pixel metrics; all take logits and labels 0, 1 or 255 (ignored)."""

from __future__ import annotations

from nano_u.losses.distillation import bernoulli_divergence
from nano_u.losses.metrics import METRICS, ConfusionMetric, make_metric
from nano_u.losses.segmentation import LOSSES, SegmentationLoss, make_loss

__all__ = [
    "LOSSES",
    "METRICS",
    "ConfusionMetric",
    "SegmentationLoss",
    "bernoulli_divergence",
    "make_loss",
    "make_metric",
]
