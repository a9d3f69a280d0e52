"""The whole way in one call: teacher, distilled and quantisation-aware student, int8 model, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.runs import RunDirectory
from nano_u.workflows.evaluate import evaluate_model
from nano_u.workflows.export import Export, Progress, export_model
from nano_u.workflows.report import WrittenReport, write_report
from nano_u.workflows.resuming import train_unless_finished
from nano_u.workflows.training import TrainingObserver, run_training

TEACHER, STUDENT = "teacher", "student"
TEACHER_DEFAULTS = {"model_name": "bu_net", "epochs": 100, "learning_rate": 3e-3}
STUDENT_DEFAULTS = {"epochs": 100, "quantization.aware": True}

Stage = Callable[[str], None]
ObserverOf = Callable[[ExperimentConfig], TrainingObserver]


@dataclass(frozen=True)
class Plan:
    """What the pipeline will train; `teacher` is None where a trained one was given."""

    teacher: ExperimentConfig | None
    student: ExperimentConfig


@dataclass(frozen=True)
class Piped:
    """Where the student's run and the report lie, what was exported, and how many seconds this call took."""

    student: RunDirectory
    exported: Export
    report: WrittenReport
    seconds: float


def plan_pipeline(
    data: str,
    root: Path,
    *,
    teacher: str | None = None,
    epochs: int | None = None,
    teacher_epochs: int | None = None,
    seed: int | None = None,
    monitor: bool = False,
    overrides: Sequence[str] = (),
) -> Plan:
    """Both configurations, with `overrides` for both (`model.input_shape=[96,128,3]`); ConfigError where one is wrong.

    Without a `teacher` (run directory or .keras file) one is trained first.
    """
    common = {"data": data, "seed": seed, "nas.enabled": monitor or None}
    first = None
    if teacher is None:
        settings = {**common, "epochs": teacher_epochs}
        first = load_experiment(None, None, _of_both(overrides), settings=settings, defaults=TEACHER_DEFAULTS)
    settings = {
        **common,
        "epochs": epochs,
        "use_distillation": True,
        "teacher_weights": teacher or str(root / TEACHER),
    }
    student = load_experiment(None, None, list(overrides), settings=settings, defaults=STUDENT_DEFAULTS)
    return Plan(first, student)


def run_pipeline(
    plan: Plan,
    root: Path,
    *,
    observer: ObserverOf = lambda config: TrainingObserver(),
    stage: Stage = lambda name: None,
    progress: Progress | None = None,
) -> Piped:
    """Do every stage that an earlier call with the same settings has not finished; `stage` is told what begins.

    Trainings that were finished are kept; one that was interrupted is done afresh, and what follows from it too.

    Raises:
        RunError: `root` holds trainings of other settings.
    """
    started = time.perf_counter()
    if plan.teacher is not None:
        _train(plan.teacher, root / TEACHER, "teacher", observer, stage)
    student = RunDirectory(root / STUDENT)
    _train(plan.student, student.path, "student, distilled, then under int8 arithmetic", observer, stage)
    stage("evaluating on the test images")
    evaluate_model(student.path)
    stage("exporting to int8, and comparing with TensorFlow Lite Micro")
    exported = export_model(student.path, progress=progress)
    stage("writing the report")
    return Piped(student, exported, write_report([student.path]), time.perf_counter() - started)


def _train(config: ExperimentConfig, path: Path, what: str, observer: ObserverOf, stage: Stage) -> None:
    def train() -> None:
        stage(f"training the {what}")
        run_training(config, run_path=path, observer=observer(config))

    if not train_unless_finished(config, path, train):
        stage(f"{what}: finished earlier, {path}")


def _of_both(overrides: Sequence[str]) -> list[str]:
    """What holds for the teacher too: not the student's widths, nor how it is distilled and quantised."""
    own = ("model.filters", "model.bottleneck", "model.decoder_filters", "model.blocks_per_stage", "model.skips")
    students = (*own, "model.upsample", "model.pool_sizes", "quantization.", "alpha", "temperature", "live_teacher")
    return [text for text in overrides if not text.startswith(students)]
