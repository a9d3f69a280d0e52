"""The whole way in one call: teacher, distilled and quantisation-aware student, int8 model, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.errors import ConfigError, DeployError, ModelError, NanoUError
from nano_u.models import create_model_from_config
from nano_u.runs import RunDirectory, read_json
from nano_u.training.distillation import check_teacher
from nano_u.training.reproducibility import prepare_process
from nano_u.workflows.c_export import CBundle, ProofOptions, bundle_export
from nano_u.workflows.evaluate import evaluate_model
from nano_u.workflows.export import Export, Progress, export_model
from nano_u.workflows.monitoring import check_layers
from nano_u.workflows.report import WrittenReport, write_report
from nano_u.workflows.resuming import refuse_other_settings, train_unless_finished
from nano_u.workflows.teacher import teacher_path, teacher_sha256
from nano_u.workflows.training import TrainingObserver, check_trainable, run_training

if TYPE_CHECKING:
    import keras

TEACHER, STUDENT = "teacher", "student"
TEACHER_DEFAULTS = {"model_name": "bu_net", "epochs": 100, "learning_rate": 3e-3}
STUDENT_DEFAULTS = {"epochs": 250, "quantization.aware": True}

TEACHERS_OWN = f"{TEACHER}."
"""Begin of an override that is for the teacher alone: `teacher.model.filters=[32,64]`."""

SHARED = (
    *("data", "dataset", "val_fraction", "seed", "batch_size", "augmentation", "model.input_shape"),
    *("training.threads", "training.deterministic"),  # of the process, in which both are trained
)
"""Keys, and sections, of the overrides that hold for both networks; any other is the student's."""

FEWER_STAGES = ((32, 64), (32,))
"""Filters of a teacher with fewer than BU-Net's three stages, for images that eight does not divide."""

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
    bundle: CBundle | DeployError
    """The C files, or why there are none."""
    report: WrittenReport
    seconds: float

    def raise_problems(self) -> None:
        """DeployError where there is no C or it gives other bytes, BudgetError where int8 loses more than it may,
        RunError where the report lacks a part; all files are there.

        The first is told where there are several: the others stand in the report.
        """
        if isinstance(self.bundle, DeployError):
            raise self.bundle
        self.bundle.raise_unfit()
        self.exported.raise_drop()
        self.report.raise_problems()


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
    """Both configurations, checked so far as that is possible without the images.

    Without a `teacher` (run directory or .keras file) one is trained first. Of the `overrides`, those of `SHARED` hold
    for both networks, those that begin with `teacher.` for the teacher alone (where one key has both, that is what
    counts for it), and all others for the student.

    Raises:
        ConfigError: a key or value that is wrong, or that the other network's contradicts.
        ModelError: a network that cannot be built for this size of images; a teacher that is not there.
        RunError: `root` holds trainings of other settings.
    """
    common = {"data": data, "seed": seed, "nas.enabled": monitor or None}
    own = [text for text in overrides if not text.strip().startswith(TEACHERS_OWN)]
    teachers = [text.strip().removeprefix(TEACHERS_OWN) for text in overrides if text not in own]
    _refuse_overrides(own, teachers, given=teacher)
    if teacher is not None and teacher_epochs is not None:
        raise ConfigError(f"--teacher-epochs: the teacher {teacher} is trained already; leave out this or --teacher")
    settings = {
        **common,
        "epochs": epochs,
        "use_distillation": True,
        "teacher_weights": teacher or str(root / TEACHER),
    }
    student = load_experiment(None, None, own, settings=settings, defaults=STUDENT_DEFAULTS)
    first = None
    if teacher is None:
        flags = {**common, "epochs": teacher_epochs}
        first = _teachers_config([*filter(_is_shared, own), *teachers], flags, {_key(text) for text in teachers})
    plan = Plan(first, student)
    _check(plan, root)
    return plan


def run_pipeline(
    plan: Plan,
    root: Path,
    *,
    observer: ObserverOf = lambda config: TrainingObserver(),
    stage: Stage = lambda name: None,
    progress: Progress | None = None,
) -> Piped:
    """Train what an earlier call with the same settings has not, then export, evaluate and report; `stage` is told.

    Trainings that were finished are kept, unless the student's teacher is another one now; one that was interrupted is
    done afresh. What follows from them is always done again. What is wrong with the result, though all of it is there,
    is left to `Piped.raise_problems`.

    Raises:
        RunError: `root` holds trainings of other settings.
    """
    started = time.perf_counter()
    if plan.teacher is not None:
        _train(plan.teacher, root / TEACHER, "teacher", observer, stage)
    student = RunDirectory(root / STUDENT)
    _train(plan.student, student.path, "student, distilled, then under int8 arithmetic", observer, stage)
    stage("exporting to int8, and comparing with TensorFlow Lite Micro")
    exported = export_model(student.path, progress=progress, raise_drop=False)
    stage(f"evaluating on the {exported.split} images")
    evaluate_model(student.path, split=exported.split)
    stage("writing C files and proving their bytes")
    bundle = _bundle(student, exported, progress)
    stage("writing the report")
    return Piped(student, exported, bundle, write_report([student.path]), time.perf_counter() - started)


def _bundle(student: RunDirectory, exported: Export, progress: Progress | None) -> CBundle | DeployError:
    """The C files; what forbids them is told after the report, which hours of training have earned."""
    try:
        return bundle_export(student.path, exported, exported.folder / "c", ProofOptions(), progress=progress)
    except DeployError as error:
        return error


def _train(config: ExperimentConfig, path: Path, what: str, observer: ObserverOf, stage: Stage) -> None:
    def train() -> None:
        stage(f"training the {what}")
        run_training(config, run_path=path, observer=observer(config))

    def is_outdated(run: RunDirectory) -> bool:
        teacher = teacher_path(config)
        if teacher is None or _taught_by(run) == teacher_sha256(teacher):
            return False
        stage("the student finished earlier had another teacher, so it is trained afresh")
        return True

    if not train_unless_finished(config, path, train, is_outdated=is_outdated):
        stage(f"{what}: finished earlier, {path}")


def _taught_by(run: RunDirectory) -> str | None:
    """SHA-256 of the teacher's file as the run's records have it; None where they do not."""
    record = read_json(run.provenance_path) if run.provenance_path.is_file() else None
    teacher = record.get("teacher") if isinstance(record, dict) else None
    sha256 = teacher.get("sha256") if isinstance(teacher, dict) else None
    return sha256 if isinstance(sha256, str) else None


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _is_shared(override: str) -> bool:
    key = _key(override)
    return any(key == shared or key.startswith(f"{shared}.") for shared in SHARED)


def _refuse_overrides(own: Sequence[str], teachers: Sequence[str], *, given: str | None) -> None:
    if any(_key(text) == "teacher_weights" for text in own):
        raise ConfigError("teacher_weights: to give a trained teacher, use --teacher")
    if any(_key(text) == "use_distillation" for text in own):
        raise ConfigError("use_distillation: the pipeline always distils; for a student alone, use nano-u train")
    if given is not None and teachers:
        raise ConfigError(
            f"{TEACHERS_OWN}{_key(teachers[0])}: the teacher {given} is trained already; leave out this or --teacher"
        )


def _teachers_config(overrides: Sequence[str], flags: Mapping[str, object], own_keys: set[str]) -> ExperimentConfig:
    """What the teacher is trained with; its own overrides win over the flags that are for both networks."""
    settings = {key: value for key, value in flags.items() if key not in own_keys}
    try:
        return load_experiment(None, None, overrides, settings=settings, defaults=TEACHER_DEFAULTS)
    except ConfigError as error:
        raise ConfigError(f"teacher: {error}") from error


def _check(plan: Plan, root: Path) -> None:
    """Raise what either training would refuse, before hours have gone into the first of them."""
    check_trainable(plan.student, teacher_to_come=plan.teacher is not None)
    student = _built(plan.student)
    refuse_other_settings(plan.student, root / STUDENT)
    if plan.teacher is None:
        return
    try:
        check_trainable(plan.teacher)
        teacher = _built(plan.teacher)
    except ModelError as error:
        raise ModelError(f"teacher: {error}{_fewer_stages(plan.teacher)}") from error
    except NanoUError as error:
        raise type(error)(f"teacher: {error}") from error
    check_teacher(teacher, student, plan.student.feature_layers)
    refuse_other_settings(plan.teacher, root / TEACHER)


def _built(config: ExperimentConfig) -> keras.Model:
    """The untrained network, which has all layers that are to be monitored."""
    # Before TensorFlow's first operation, after which the number of threads cannot be set any more.
    prepare_process(seed=config.seed, threads=config.training.threads, deterministic=config.training.deterministic)
    model = create_model_from_config(config.model, config.model_name)
    check_layers(config, model)
    return model


def _fewer_stages(config: ExperimentConfig) -> str:
    """A remedy where the student's images are fine and only the teacher divides them too often."""
    height, width, _ = config.model.input_shape
    for filters in FEWER_STAGES:
        factor = 2 ** len(filters)
        if height % factor == 0 and width % factor == 0:
            return f"; or give it fewer stages: --set {TEACHERS_OWN}model.filters=[{','.join(map(str, filters))}]"
    return ""
