"""BatchNorm's running statistics: a momentum that keeps up, a check, and their re-estimation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from nano_u.quantization.fake_quantization import ActivationQuantizer, QuantizedConvolution

Normalising: TypeAlias = keras.layers.BatchNormalization | QuantizedConvolution

LAG_LIMIT = 0.05
"""Difference between training-mode and inference-mode IoU from which the running statistics count as lagging."""
CHECK_BATCHES = 8


@dataclass(frozen=True)
class BatchNormCheck:
    """IoU of the same images with the batch's own statistics and with the running ones; what was done about it.

    `reestimated_iou` is that of re-estimated statistics, None where nothing called for them; they are kept, and
    `reestimated` is true, only where they are better.
    """

    training_iou: float
    inference_iou: float
    reestimated_iou: float | None
    reestimated: bool


def momentum_for(steps_per_epoch: int) -> float:
    """A momentum in [0.5, 0.99] under which one epoch forgets all but 2 % of what was before it.

    Keras' 0.99 needs some 400 steps for that; with fewer steps inference runs on statistics that are long out of date.
    """
    return min(0.99, max(0.5, 1.0 - 4.0 / max(steps_per_epoch, 1)))


def settle_batch_norm(model: keras.Model, batches: Iterable[tuple[Any, Any]]) -> BatchNormCheck | None:
    """Compare both modes on the first batches; where they disagree, try the statistics averaged over all batches.

    `batches` yields (images, masks) and is read more than once. None for a model without BatchNorm.
    """
    layers = batch_norms(model)
    if not layers:
        return None
    before = model.get_weights()
    training, inference = _iou(model, batches, training=True), _iou(model, batches, training=False)
    model.set_weights(before)  # the training-mode pass moved the statistics
    if not _lags(training, inference):
        return BatchNormCheck(training, inference, None, reestimated=False)
    reestimate_statistics(model, batches, layers)
    reestimated = _iou(model, batches, training=False)
    if reestimated <= inference:
        model.set_weights(before)
    return BatchNormCheck(training, inference, reestimated, reestimated=reestimated > inference)


def batch_norms(model: keras.Model) -> list[Normalising]:
    """The layers that hold running statistics, nested ones included: BatchNorm, and convolutions with one inside."""
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        or (isinstance(layer, QuantizedConvolution) and layer.batch_norm)
    ]


def set_momentum(model: keras.Model, momentum: float) -> None:
    """Give every one of `batch_norms` this momentum; before the first training step."""
    for layer in batch_norms(model):
        layer.momentum = momentum


def reestimate_statistics(
    model: keras.Model, batches: Iterable[tuple[Any, Any]], layers: Sequence[Normalising]
) -> None:
    """Set the running statistics to the plain average of the batches' own; int8 ranges stay as they are."""
    quantizers = [layer for layer in model._flatten_layers() if isinstance(layer, ActivationQuantizer)]
    momenta = [(layer, layer.momentum) for layer in (*layers, *quantizers)]
    try:
        for quantizer in quantizers:
            quantizer.momentum = 1.0
        for index, (images, _) in enumerate(batches):
            for layer in layers:
                layer.momentum = index / (index + 1)
            model(images, training=True)
    finally:
        for layer, momentum in momenta:
            layer.momentum = momentum


def _lags(training: float, inference: float) -> bool:
    return not math.isclose(training, inference, abs_tol=LAG_LIMIT)


def _iou(model: keras.Model, batches: Iterable[tuple[Any, Any]], *, training: bool) -> float:
    intersection = union = 0
    for images, masks in islice(batches, CHECK_BATCHES):
        predicted = tf.convert_to_tensor(model(images, training=training)).numpy() >= 0
        truth = np.asarray(masks)
        valid = truth < 2
        intersection += int((predicted & (truth == 1) & valid).sum())
        union += int(((predicted | (truth == 1)) & valid).sum())
    return intersection / union if union else 1.0
