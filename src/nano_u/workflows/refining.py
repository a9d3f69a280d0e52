"""Fine-tuning of a trained network under int8 arithmetic, and its int8 form taken from what was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nano_u.config import ExperimentConfig
from nano_u.data import ImageSet
from nano_u.errors import NonFiniteLossError
from nano_u.evaluation import Evaluation
from nano_u.models import load_model, save_model
from nano_u.runs import RunDirectory, atomic_path
from nano_u.training import train_quantization_aware
from nano_u.training.batch_norm import BatchNormCheck
from nano_u.training.checkpoint import BestModel
from nano_u.training.history import HistoryFile
from nano_u.training.quantization_aware_model import carry_back
from nano_u.workflows.settling import settle
from nano_u.workflows.teacher import Teacher

if TYPE_CHECKING:
    import keras
    from keras.callbacks import History

    from nano_u.workflows.training import TrainingObserver


@dataclass(frozen=True)
class Refined:
    """The quantisation-aware twin of a run's best model, as its best epoch left it."""

    model: keras.Model
    history: History
    best_epoch: int
    batch_norm: BatchNormCheck | None = None
    """Of the running statistics inside its convolutions; None where BatchNorm was folded for good."""

    def record(self, validation: Evaluation | None) -> dict[str, Any]:
        """What the run's metrics say of it."""
        return {
            "best_epoch": self.best_epoch,
            "epochs": len(self.history.epoch),
            "validation": None if validation is None else validation.to_dict(),
        }


def trains_int8_from_the_start(config: ExperimentConfig) -> bool:
    """Whether there is no float training first."""
    return config.quantization.aware and config.quantization.from_first_epoch


def refine(
    model: keras.Model,
    run: RunDirectory,
    config: ExperimentConfig,
    data: dict[str, ImageSet],
    *,
    teacher: Teacher | None,
    observer: TrainingObserver,
) -> Refined:
    """Train the twin and keep `qat.keras` of the best epoch.

    As fine-tuning its epochs go to `history_qat.csv` and `model` is not changed. Where int8 is trained from the start,
    they are those of `history.csv`; the twin's BatchNorm statistics are checked, and mended in `qat.keras`, before
    `model` takes over its weights and becomes `best.keras`.

    Raises:
        NonFiniteLossError: no epoch had a finite loss.
    """
    from_the_start = trains_int8_from_the_start(config)
    history_path = run.history_path if from_the_start else run.qat_history_path
    best = BestModel(run.qat_model_path)
    _, history = train_quantization_aware(
        model,
        config,
        data["train"],
        data.get("val"),
        teacher=None if teacher is None else teacher.model,
        live_teacher=config.live_teacher,
        cache_dir=None if teacher is None else teacher.cache_dir,
        callbacks=[best, HistoryFile(history_path), *observer.callbacks],
        progress=observer.teaching,
    )
    if not run.qat_model_path.exists():
        rate = f"quantization.learning_rate ({config.quantization.learning_rate:g})"
        if from_the_start:
            rate = f"learning_rate ({config.learning_rate:g})"
        raise NonFiniteLossError(
            f"{run.path}: every epoch under int8 arithmetic ended with a NaN or infinite loss; lower {rate}"
        )
    twin, check = load_model(run.qat_model_path), None
    if from_the_start:
        check = settle(twin, run.qat_model_path, data["train"])
        carry_back(twin, model)
        with atomic_path(run.best_model_path) as temporary:
            save_model(model, temporary)
    return Refined(twin, history, best.best_epoch, check)
