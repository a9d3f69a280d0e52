"""The teacher of a distillation: found, read, checked, and described for the records of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.config import ExperimentConfig
from nano_u.data import ImageSet
from nano_u.errors import ConfigError, ModelError, RunError
from nano_u.evaluation import Evaluation, evaluate
from nano_u.models import count_parameters, load_model
from nano_u.runs import RunDirectory, open_run
from nano_u.training import train_single_model, train_with_distillation
from nano_u.training.distillation import check_teacher
from nano_u.training.soft_targets import Progress
from nano_u.workflows.prediction import float_predictor_of

if TYPE_CHECKING:
    import keras
    from keras.callbacks import Callback, History


@dataclass(frozen=True)
class Teacher:
    """A trained model and the file that it came from."""

    model: keras.Model
    path: Path

    @property
    def cache_dir(self) -> Path:
        """Where its logits are kept for the next student: beside its file."""
        return RunDirectory(self.path.parent).soft_targets_dir

    def record(self) -> dict[str, Any]:
        """What provenance says of it."""
        return {
            "path": str(self.path),
            "sha256": teacher_sha256(self.path),
            "parameters": count_parameters(self.model),
        }

    def evaluated(self, images: ImageSet) -> Evaluation:
        """How good it is on these images."""
        return evaluate(float_predictor_of(self.model).of(images), images, floor_probabilities=None)


def teacher_sha256(path: Path) -> str:
    """SHA-256 of a teacher's file, by which the records of a student name it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def teacher_path(config: ExperimentConfig) -> Path | None:
    """The teacher's model file; None where the experiment has none.

    Raises:
        ConfigError: distillation is on and no teacher is named.
        ModelError, RunError: there is no such file, or a run without a model or that is not finished.
    """
    if not config.use_distillation:
        return None
    if config.teacher_weights is None:
        raise ConfigError(
            "teacher_weights: distillation needs a trained teacher; name its run directory or .keras file with "
            "--teacher (nano-u train --model bu_net --data DIR makes one)"
        )
    path = Path(config.teacher_weights)
    if path.is_dir():
        run = open_run(path)
        if not run.is_finished:
            raise RunError(
                f"{path}: this training is not finished, so it is no teacher yet; train it to its end, or name its "
                f"file to take it as it is ({run.best_model_path})"
            )
        return run.require(run.best_model_path)
    if not path.is_file():
        raise ModelError(f"{path}: no such teacher; name a run directory or a .keras file (teacher_weights)")
    return path


def load_teacher(config: ExperimentConfig, student: keras.Model) -> Teacher | None:
    """The teacher, read and checked against the student; None where the experiment has none."""
    path = teacher_path(config)
    if path is None:
        return None
    model = load_model(path)
    check_teacher(model, student, config.feature_layers)
    model.trainable = False
    return Teacher(model, path)


def fit(
    model: keras.Model,
    teacher: Teacher | None,
    config: ExperimentConfig,
    data: Mapping[str, ImageSet],
    callbacks: Sequence[Callback],
    *,
    teaching: Progress | None = None,
) -> History:
    """Train `model` on the train split, with the teacher where there is one; `teaching` hears how far that is asked."""
    train_data, val_data = data["train"], data.get("val")
    if teacher is None:
        return train_single_model(model, config, train_data, val_data, callbacks=callbacks)
    return train_with_distillation(
        model,
        teacher.model,
        config,
        train_data,
        val_data,
        live_teacher=config.live_teacher,
        cache_dir=teacher.cache_dir,
        callbacks=callbacks,
        progress=teaching,
    )
