"""Training under int8 arithmetic: weights and ranges that the deployed network takes over as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from nano_u.config import ExperimentConfig, config_from_mapping
from nano_u.data import as_floats, spread_indices
from nano_u.training.distillation import train_with_distillation
from nano_u.training.fit import TrainingData, evaluation_source, train_single_model
from nano_u.training.quantization_aware_model import calibrate, quantization_aware
from nano_u.training.soft_targets import Progress

if TYPE_CHECKING:
    from keras.callbacks import Callback, History

CALIBRATION_IMAGES = 200


def train_quantization_aware(
    model: keras.Model,
    config: ExperimentConfig | Mapping[str, Any],
    train_data: TrainingData,
    val_data: TrainingData | None = None,
    *,
    teacher: keras.Model | None = None,
    live_teacher: bool = False,
    cache_dir: Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: Progress | None = None,
    verbose: int | str = 0,
) -> tuple[keras.Model, History]:
    """A quantisation-aware twin of `model`, trained; and Keras' history. `model` itself is not changed.

    As fine-tuning (the default) BatchNorm is folded for good and `quantization.epochs` follow at
    `quantization.learning_rate`; with `quantization.from_first_epoch` BatchNorm stays, and `epochs` and
    `learning_rate` are those of a whole training. Ranges start at the extremes of training images. With a `teacher` the
    loss is that of `train_with_distillation`, in fine-tuning without `feature_layers`.

    Raises:
        ModelError: an operator that cannot be trained for int8, named.
        ConfigError, DataError, NonFiniteLossError: as the trainings without rounding.
    """
    experiment = config if isinstance(config, ExperimentConfig) else config_from_mapping(config)
    options = experiment.quantization
    aware = quantization_aware(model, ranges=options.ranges, batch_norm=options.from_first_epoch)
    calibrate(aware, model, _some_images(train_data))
    if not options.from_first_epoch:
        tuned = {"epochs": options.epochs, "learning_rate": options.learning_rate, "feature_layers": {}}
        experiment = experiment.model_copy(update=tuned)
    if teacher is None:
        return aware, train_single_model(aware, experiment, train_data, val_data, callbacks=callbacks, verbose=verbose)
    return aware, train_with_distillation(
        aware,
        teacher,
        experiment,
        train_data,
        val_data,
        live_teacher=live_teacher,
        cache_dir=cache_dir,
        callbacks=callbacks,
        progress=progress,
        verbose=verbose,
    )


def _some_images(data: TrainingData) -> np.ndarray:
    """Images in [0, 1] spread over the training set; of a Dataset its first ones."""
    if isinstance(data, tf.data.Dataset):
        batches = [np.asarray(x) for x, _ in evaluation_source(data).take(8)]
        return np.concatenate(batches)[:CALIBRATION_IMAGES]
    images = data[0] if isinstance(data, tuple) else data.images
    return as_floats(images[spread_indices(len(images), CALIBRATION_IMAGES)])
