"""Segmentation losses, distillation divergence, pixel metrics and decorrelation penalties.

Segmentation takes logits and labels 0, 1 or 255 (ignored).
"""

from __future__ import annotations

from nano_u.losses.decorrelation import correlation_redundancy, covariance_redundancy
from nano_u.losses.decorrelation_regularizer import FeatureDecorrelationRegularizer
from nano_u.losses.distillation import (
    DistillationLoss,
    bernoulli_divergence,
    distillation_divergence,
    softmax_divergence,
    with_soft_targets,
)
from nano_u.losses.layer_decorrelation import covariance_regularizer_loss
from nano_u.losses.metrics import METRICS, ConfusionMetric, make_metric
from nano_u.losses.segmentation import LOSSES, SegmentationLoss, make_loss

__all__ = [
    "LOSSES",
    "METRICS",
    "ConfusionMetric",
    "DistillationLoss",
    "FeatureDecorrelationRegularizer",
    "SegmentationLoss",
    "bernoulli_divergence",
    "correlation_redundancy",
    "covariance_redundancy",
    "covariance_regularizer_loss",
    "distillation_divergence",
    "make_loss",
    "make_metric",
    "softmax_divergence",
    "with_soft_targets",
]
