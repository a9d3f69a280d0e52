"""Training of one model through Keras' `fit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from nano_u.config import ExperimentConfig, config_from_mapping
from nano_u.data.image_set import ImageSet
from nano_u.data.pipeline import Arrays, batch_indices, evaluation_batches, steps_per_epoch, training_batches
from nano_u.errors import DataError
from nano_u.losses import make_loss, make_metric
from nano_u.training.averaging import AveragedWeights
from nano_u.training.batch_norm import momentum_for, set_momentum
from nano_u.training.non_finite import StopOnNonFiniteLoss
from nano_u.training.optimizer import make_optimizer

if TYPE_CHECKING:
    from keras.callbacks import Callback, History

TrainingData: TypeAlias = ImageSet | Arrays | tf.data.Dataset


def train_single_model(
    model: keras.Model,
    config: ExperimentConfig | Mapping[str, Any],
    train_data: TrainingData,
    val_data: TrainingData | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    verbose: int | str = 0,
) -> History:
    """Compile `model` as `config` says, train it in place and return Keras' `History`.

    BatchNorm's momentum is set to `training.batch_norm_momentum`, or to what the number of steps asks for.

    Args:
        model: float32 images in [0, 1] -> logits, both `(batch, height, width, channels)`.
        config: an experiment, or a mapping of its keys; missing keys take their defaults.
        train_data: `(images, masks)` arrays, an `ImageSet`, or a batched `tf.data.Dataset` of such pairs; masks hold
            labels 0, 1 or 255 (ignored). Arrays are shuffled and augmented as `config` says; a Dataset is used as is.
        val_data: likewise, evaluated after every epoch; never augmented.
        callbacks: added after our own, so that at an epoch's end they see averaged weights where those are asked for.
        verbose: Keras' progress bar.

    Raises:
        NonFiniteLossError: the loss became NaN or infinite; names the batch.
        DataError: no images, or arrays of different length.
        ConfigError: an unknown or ill-typed key in `config`.
    """
    experiment = config if isinstance(config, ExperimentConfig) else config_from_mapping(config)
    source = training_source(train_data, experiment)
    validation = None if val_data is None else evaluation_source(val_data)
    return fit_source(model, experiment, source, validation, callbacks=callbacks, verbose=verbose)


def fit_source(
    model: keras.Model,
    config: ExperimentConfig,
    source: Source,
    validation: tf.data.Dataset | None,
    *,
    compilation: Compilation | None = None,
    callbacks: Sequence[Callback] = (),
    verbose: int | str = 0,
) -> History:
    """Compile, set BatchNorm's momentum and fit, with the guards and schedules that `config` asks for."""
    set_momentum(model, config.training.batch_norm_momentum or momentum_for(source.steps))
    compile_for_training(model, config, source.steps, compilation)
    own: list[Callback] = [StopOnNonFiniteLoss(source.names_of)]
    if config.training.schedule == "plateau":
        own.append(keras.callbacks.ReduceLROnPlateau(monitor="loss" if validation is None else "val_loss"))
    if config.training.early_stopping_patience is not None:
        monitor = "iou" if validation is None else "val_iou"
        patience = config.training.early_stopping_patience
        own.append(keras.callbacks.EarlyStopping(monitor=monitor, mode="max", patience=patience))
    if config.training.ema_momentum is not None:
        own.append(AveragedWeights())
    return model.fit(
        source.batches,
        epochs=config.epochs,
        steps_per_epoch=source.steps,
        validation_data=validation,
        callbacks=[*own, *callbacks],
        shuffle=False,
        verbose=verbose,
    )


@dataclass(frozen=True)
class Compilation:
    """What a training minimises where it is not `training.loss` alone, and further metrics beside IoU."""

    loss: keras.losses.Loss
    metrics: tuple[keras.metrics.Metric, ...] = ()


def compile_for_training(
    model: keras.Model, config: ExperimentConfig, steps: int, compilation: Compilation | None = None
) -> None:
    """Compile with the configured optimizer, schedule and loss, and IoU of the class as metric."""
    model.compile(
        optimizer=make_optimizer(
            config.training,
            learning_rate=config.learning_rate,
            total_steps=steps * config.epochs,
            steps_per_epoch=steps,
        ),
        loss=make_loss(config.training.loss) if compilation is None else compilation.loss,
        metrics=[make_metric("iou"), *(() if compilation is None else compilation.metrics)],
        # On a CPU, XLA makes these networks' training step about ten times slower.
        jit_compile=False,
        run_eagerly=config.debug_mode,
    )


@dataclass(frozen=True)
class Source:
    """Batches without end, how many make an epoch, and which images a batch holds."""

    batches: tf.data.Dataset
    steps: int
    names: tuple[str, ...] = ()
    batch_size: int = 0
    seed: int = 0

    def names_of(self, epoch: int, batch: int) -> list[str]:
        """Names of a batch's images, where they are known."""
        if not self.names:
            return []
        indices = batch_indices(len(self.names), batch_size=self.batch_size, seed=self.seed, epoch=epoch, batch=batch)
        return [self.names[index] for index in indices]

    def with_batches(self, batches: tf.data.Dataset) -> Source:
        """The same with other batches of the same images."""
        return replace(self, batches=batches)


def training_source(data: TrainingData, config: ExperimentConfig, *, soft_targets: np.ndarray | None = None) -> Source:
    """The endless batches of a training, shuffled and augmented as `config` says; a Dataset is used as it is.

    `soft_targets`, a teacher's logits of arrays or an `ImageSet`, become further channels of the masks.
    """
    if isinstance(data, tf.data.Dataset):
        steps = int(data.cardinality())
        if steps <= 0:
            raise DataError("train_data: the Dataset must be finite, not empty, and know its number of batches")
        return Source(data.repeat(), steps)
    images = data[0] if isinstance(data, tuple) else data.images
    batches = training_batches(
        data,
        batch_size=config.batch_size,
        seed=config.seed,
        augmentation=config.augmentation,
        soft_targets=soft_targets,
    )
    steps = steps_per_epoch(len(images), config.batch_size)
    names = () if isinstance(data, tuple) else data.names
    return Source(batches, steps, names, config.batch_size, config.seed)


def evaluation_source(data: TrainingData) -> tf.data.Dataset:
    """Batches to validate on, once through."""
    return data if isinstance(data, tf.data.Dataset) else evaluation_batches(data)
