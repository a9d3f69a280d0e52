"""Accuracy from logits and masks: metrics, the no-learning floor, intervals, threshold sweep, gallery choice."""

from nano_u.evaluation.bootstrap import Interval, default_block_length
from nano_u.evaluation.counts import ConfusionCounts, frame_counts, logit_threshold, to_logits, total_counts
from nano_u.evaluation.evaluate import DEFAULT_THRESHOLD, POOLED, Evaluation, GroupResult, evaluate
from nano_u.evaluation.floor import MeanMaskFloor
from nano_u.evaluation.gallery import Gallery, GalleryImage, choose_gallery
from nano_u.evaluation.gallery_file import load_gallery, save_gallery
from nano_u.evaluation.metrics import SegmentationMetrics, segmentation_metrics
from nano_u.evaluation.sweep import (
    PrecisionRecallCurve,
    SweepPoint,
    ThresholdSweep,
    precision_recall_curve,
    threshold_sweep,
)

__all__ = [
    "DEFAULT_THRESHOLD",
    "POOLED",
    "ConfusionCounts",
    "Evaluation",
    "Gallery",
    "GalleryImage",
    "GroupResult",
    "Interval",
    "MeanMaskFloor",
    "PrecisionRecallCurve",
    "SegmentationMetrics",
    "SweepPoint",
    "ThresholdSweep",
    "choose_gallery",
    "default_block_length",
    "evaluate",
    "frame_counts",
    "load_gallery",
    "logit_threshold",
    "precision_recall_curve",
    "save_gallery",
    "segmentation_metrics",
    "threshold_sweep",
    "to_logits",
    "total_counts",
]
