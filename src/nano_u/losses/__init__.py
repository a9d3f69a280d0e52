"""Segmentation losses, distillation divergence, pixel metrics and decorrelation penalties.

Segmentation takes logits and labels 0, 1 or 255 (ignored).
"""

from __future__ import annotations

from nano_u.losses.decorrelation import correlation_redundancy, covariance_redundancy
from nano_u.losses.decorrelation_regularizer import FeatureDecorrelationRegularizer
from nano_u.losses.distillation import bernoulli_divergence
from nano_u.losses.layer_decorrelation import covariance_regularizer_loss
from nano_u.losses.metrics import METRICS, ConfusionMetric, make_metric
from nano_u.losses.segmentation import LOSSES, SegmentationLoss, make_loss

__all__ = [
    "LOSSES",
    "METRICS",
    "ConfusionMetric",
    "FeatureDecorrelationRegularizer",
    "SegmentationLoss",
    "bernoulli_divergence",
    "correlation_redundancy",
    "covariance_redundancy",
    "covariance_regularizer_loss",
    "make_loss",
    "make_metric",
]
