"""Training of a student on masks and on what a teacher says of the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from nano_u.capture.feature_matching import FeatureMatching
from nano_u.config import ExperimentConfig, config_from_mapping
from nano_u.data.pipeline import PARALLEL_BATCHES, arrays_of, evaluation_batches
from nano_u.errors import ConfigError
from nano_u.losses import DistillationLoss, with_soft_targets
from nano_u.training.fit import Compilation, Source, TrainingData, evaluation_source, fit_source, training_source
from nano_u.training.matched_student import MatchedStudent
from nano_u.training.soft_targets import Progress, teacher_logits

if TYPE_CHECKING:
    from keras.callbacks import Callback, History


def train_with_distillation(
    student: keras.Model,
    teacher: keras.Model,
    config: ExperimentConfig | Mapping[str, Any],
    train_data: TrainingData,
    val_data: TrainingData | None = None,
    *,
    live_teacher: bool = False,
    cache_dir: Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: Progress | None = None,
    verbose: int | str = 0,
) -> History:
    """Train `student` in place as `train_single_model` does, on masks and on the teacher's logits.

    The loss is `alpha * supervised + (1 - alpha) * T^2 KL(teacher || student)` with `config.alpha` and
    `config.temperature`; the logs also hold both terms. The teacher is run in inference mode and never changed.

    Its logits are computed once per image, before training, and kept in `cache_dir` (memory without one); geometric
    augmentation moves them with image and mask, changes of colour touch only what the student sees. With
    `live_teacher`, and always where data is a `tf.data.Dataset`, it runs on every batch and sees what the student sees.

    With `config.feature_layers`, `{student layer: teacher layer}`, the mean squared difference of those activations is
    added, times `config.feature_weight`, and logged as `feature_loss`; where the widths differ, through a trained 1x1
    projection that is thrown away. The teacher then runs in every step too.

    Raises:
        ConfigError: the teacher takes other images or gives other outputs than the student, its logits are not
            finite, or a layer of `feature_layers` does not exist.
        ModelError: layers whose activations cannot be matched.
        NonFiniteLossError, DataError: as `train_single_model`.
    """
    experiment = config if isinstance(config, ExperimentConfig) else config_from_mapping(config)
    layers = dict(experiment.feature_layers)
    check_teacher(teacher, student)
    learner = MatchedStudent(student, teacher, layers, experiment.feature_weight) if layers else student
    source = _training(teacher, experiment, train_data, live_teacher, cache_dir, progress)
    validation = None if val_data is None else _validation(teacher, val_data, live_teacher, cache_dir)
    return fit_source(
        learner,
        experiment,
        source,
        validation,
        compilation=compilation_of(experiment),
        callbacks=callbacks,
        verbose=verbose,
    )


def check_teacher(teacher: keras.Model, student: keras.Model, feature_layers: Mapping[str, str] | None = None) -> None:
    """Raise ConfigError where the teacher cannot say anything about what the student is to learn.

    With `feature_layers` also ConfigError or ModelError for layers that are not there or cannot be matched.

    Our masks have one class, so the student has one logit per pixel; for more classes there is `softmax_divergence`.
    """
    if student.output_shape[-1] != 1:
        raise ConfigError(
            f"student {student.name}: gives {student.output_shape[-1]} channels; one logit per pixel is learnt"
        )
    for what, theirs, own in (
        ("takes images", teacher.input_shape[1:], student.input_shape[1:]),
        ("gives outputs", teacher.output_shape[1:], student.output_shape[1:]),
    ):
        if tuple(theirs) != tuple(own):
            raise ConfigError(
                f"teacher {teacher.name}: {what} of {tuple(theirs)}, the student {student.name} of {tuple(own)}; train "
                "both at the same model.input_shape"
            )
    if feature_layers:
        FeatureMatching(teacher, student, feature_layers)


def compilation_of(config: ExperimentConfig) -> Compilation:
    """The loss on masks and a teacher's logits that `config` describes, and each of its terms as a metric."""
    kind, alpha, temperature = config.training.loss, config.alpha, config.temperature
    parts = {
        "student_loss": DistillationLoss(kind, alpha, temperature, part="supervised"),
        "distillation_loss": DistillationLoss(kind, alpha, temperature, part="distillation"),
    }
    return Compilation(
        DistillationLoss(kind, alpha, temperature),
        tuple(MeanOfLoss(part, name=name) for name, part in parts.items()),
    )


@keras.saving.register_keras_serializable(package="nano_u")
class MeanOfLoss(keras.metrics.Mean):
    """Mean of a loss over images: a smaller batch weighs less, as it does in the training's own loss."""

    def __init__(self, loss: DistillationLoss, name: str | None = None) -> None:
        super().__init__(name=name)
        self.loss = loss

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None) -> None:
        """Add one batch; `sample_weight` is not used."""
        super().update_state(self.loss.call(y_true, y_pred), sample_weight=tf.shape(y_pred)[0])

    def get_config(self) -> dict[str, Any]:
        """The loss and the name."""
        return {"loss": keras.saving.serialize_keras_object(self.loss), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeanOfLoss:
        """The metric of `get_config`."""
        return cls(keras.saving.deserialize_keras_object(config["loss"]), config["name"])


def _training(
    teacher: keras.Model,
    config: ExperimentConfig,
    data: TrainingData,
    live: bool,
    folder: Path | None,
    progress: Progress | None,
) -> Source:
    if live or isinstance(data, tf.data.Dataset):
        source = training_source(data, config)
        return source.with_batches(_asked(teacher, source.batches))
    images, _ = arrays_of(data)
    soft = teacher_logits(teacher, images, folder=folder, progress=progress)
    return training_source(data, config, soft_targets=soft)


def _validation(teacher: keras.Model, data: TrainingData, live: bool, folder: Path | None) -> tf.data.Dataset:
    if live or isinstance(data, tf.data.Dataset):
        return _asked(teacher, evaluation_source(data))
    images, _ = arrays_of(data)
    return evaluation_batches(data, soft_targets=teacher_logits(teacher, images, folder=folder))


def _asked(teacher: keras.Model, batches: tf.data.Dataset) -> tf.data.Dataset:
    """Batches with the teacher's answer to each, worked out while the student trains on the one before."""

    def answered(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return x, with_soft_targets(y, teacher(x, training=False))

    return batches.map(answered, num_parallel_calls=PARALLEL_BATCHES, deterministic=True).prefetch(PARALLEL_BATCHES)
