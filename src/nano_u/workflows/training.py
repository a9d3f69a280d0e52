"""From a configuration to a trained model in its run directory."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nano_u.config import ExperimentConfig, NasConfig, config_from_mapping, config_to_yaml, load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.data.pipeline import steps_per_epoch
from nano_u.errors import ConfigError, NonFiniteLossError
from nano_u.evaluation import Evaluation, evaluate
from nano_u.graph import Architecture, write_architecture
from nano_u.models import REGISTRY, architecture_of, create_model_from_config, load_model, save_model
from nano_u.models.saved import SUFFIXES, SaveFormat
from nano_u.reporting import draw_history, read_history, save_figure
from nano_u.runs import RunDirectory, atomic_path, collect_provenance, create_run, write_json, write_text_atomic
from nano_u.training.batch_norm import BatchNormCheck, momentum_for
from nano_u.training.checkpoint import BestModel
from nano_u.training.history import HistoryFile
from nano_u.training.reproducibility import prepare_process
from nano_u.workflows.monitoring import Monitored, check_layers, monitoring, summed_up
from nano_u.workflows.nas_arguments import NasArguments
from nano_u.workflows.prediction import float_predictor_of
from nano_u.workflows.refining import Refined, refine, trains_int8_from_the_start
from nano_u.workflows.settling import settle
from nano_u.workflows.source import floor_of, split_of
from nano_u.workflows.teacher import Teacher, fit, load_teacher, teacher_path

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    from keras.callbacks import Callback, History

    from nano_u.monitoring.callback import NASMonitorCallback

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingObserver:
    """What a front end may hook into; every field is optional."""

    loading: Callable[[int, int], None] | None = None
    """Called with (done, all) while images are read."""
    teaching: Callable[[int, int], None] | None = None
    """Called with (done, all) while a teacher looks at the training images."""
    architecture: Callable[[Architecture], None] | None = None
    """Called with the network before training starts."""
    callbacks: Sequence[Callback] = field(default_factory=tuple)


@dataclass(frozen=True)
class TrainingRun:
    """A finished training: its best model, Keras' history, where its files lie, how good and how redundant it is."""

    run: RunDirectory
    model: keras.Model
    history: History
    best_epoch: int
    validation: Evaluation | None
    batch_norm: BatchNormCheck | None
    monitored: Monitored | None = None
    teacher: Evaluation | None = None
    """Of the teacher, on the same validation images; None without one."""
    int8: Evaluation | None = None
    """Of the quantisation-aware twin, likewise: float arithmetic that rounds as int8 does."""


def run_training(
    config: ExperimentConfig,
    *,
    run_path: Path | None = None,
    save_format: SaveFormat = "keras",
    observer: TrainingObserver | None = None,
    monitor: NASMonitorCallback | None = None,
) -> TrainingRun:
    """Train `config.model_name` on `config.data` and write the run directory.

    The directory holds the configuration as resolved, provenance, `graph.json`, `history.csv` and its picture,
    `best.keras` (highest validation IoU; last epoch without a validation split) and `metrics.json`; with monitoring on
    (`config.nas.enabled`, or a `monitor` that is ready) also `nas/`. With `config.use_distillation` the network is the
    student of `config.teacher_weights`; the run holds only the student. With `config.quantization.aware` training goes
    on under int8 arithmetic: `qat.keras`, from which export takes weights and ranges, and `history_qat.csv`.

    Raises:
        ConfigError: no data or no teacher named, a layer to monitor that the network lacks, a teacher of another size.
        DataError: images or masks that cannot be used.
        ModelError: a size that does not divide, a teacher that is not there.
        NonFiniteLossError: NaN or infinite loss or weights; `best.keras` then holds the best epoch before it, or is
            absent where there was none.
        RunError: the run directory is taken.
    """
    observer = observer or TrainingObserver()
    check_trainable(config)
    source = _named_data(config)
    prepare_process(seed=config.seed, threads=config.training.threads, deterministic=config.training.deterministic)
    with _precision(config.training.mixed_precision):  # before reading images: what cannot be built is told at once
        model = create_model_from_config(config.model, config.model_name)
    check_layers(config, model, monitor)
    teacher = load_teacher(config, model)
    data = load_data(source, config, progress=observer.loading)
    steps = steps_per_epoch(len(split_of(data, "train")), config.batch_size)
    momentum = config.training.batch_norm_momentum or momentum_for(steps)
    sizes = ", ".join(f"{len(part)} {name}" for name, part in data.items())
    logger.info("%s: %s images; %d steps per epoch, BatchNorm momentum %.3g", source, sizes, steps, momentum)
    architecture = architecture_of(model)
    if observer.architecture is not None:
        observer.architecture(architecture)
    run = create_run(run_path, name=config.model_name)
    logger.info("writing to %s", run.path)
    with run.lock():
        _write_inputs(run, config, data, architecture, teacher)
        monitored, refined = None, None
        if trains_int8_from_the_start(config):
            refined = refine(model, run, config, data, teacher=teacher, observer=observer)
            history, best_epoch, check = refined.history, refined.best_epoch, refined.batch_norm
        else:
            best = BestModel(run.best_model_path)
            with monitoring(config, run, monitor) as watching:
                # Before those that write and show Keras' logs, to which it adds.
                monitors = [] if watching is None else [watching]
                callbacks = [*monitors, best, HistoryFile(run.history_path), *observer.callbacks]
                history = fit(model, teacher, config, data, callbacks, teaching=observer.teaching)
                monitored = summed_up(watching)
            model, best_epoch = _best(run, config), best.best_epoch
            check = settle(model, run.best_model_path, data["train"])
            if config.quantization.aware:
                refined = refine(model, run, config, data, teacher=teacher, observer=observer)
        floor = floor_of(data)
        validation = _validate(model, data, floor)
        simulated = None if refined is None else _validate(refined.model, data, floor)
        taught_by = None if teacher is None or "val" not in data else teacher.evaluated(data["val"])
        _draw_history(run, validation)
        metrics = _metrics(best_epoch, history, check, validation, taught_by)
        write_json(run.metrics_path, metrics | _refined(refined, simulated))
        _save_also(model, run, save_format)
    return TrainingRun(run, model, history, best_epoch, validation, check, monitored, taught_by, simulated)


def train(
    model_name: str = "nano_u",
    epochs: int = 50,
    batch_size: int = 16,
    lr: float = 1e-3,
    *,
    data: str | os.PathLike[str],
    seed: int = 0,
    run_dir: str | os.PathLike[str] | None = None,
    enable_nas_monitoring: bool = False,
    nas_log_dir: str | os.PathLike[str] | None = None,
    nas_csv_path: str | os.PathLike[str] | None = None,
    nas_log_freq: Literal["epoch", "batch"] | None = None,
    nas_monitor_batch_freq: int | None = None,
    nas_callback: NASMonitorCallback | None = None,
    nas_config: Mapping[str, Any] | NasConfig | None = None,
    **settings: Any,
) -> tuple[keras.Model, History]:
    """Train from Python; returns the best model and Keras' history, with `nas_redundancy` where monitoring is on.

    Args:
        model_name: "nano_u" or "bu_net".
        epochs: passes over the training images.
        batch_size: images per step.
        lr: peak learning rate; the command's own default, chosen on real images, is `ExperimentConfig.learning_rate`.
        data: a dataset folder, or "synthetic".
        seed: of weights, order and augmentation.
        run_dir: where files go; a new folder under `runs/` by default.
        enable_nas_monitoring: measure the redundancy of the layers while training.
        nas_log_dir: folder of the monitor's files; `nas/` of the run by default.
        nas_csv_path: path of the metrics CSV; the other files lie beside it.
        nas_log_freq: look once an "epoch" (the default), or every so many batches.
        nas_monitor_batch_freq: how many batches, 10 by default; alone it means `nas_log_freq="batch"`.
        nas_callback: a monitor that is ready, in place of all these; it needs no `enable_nas_monitoring`.
        nas_config: keys of the `nas` section of an experiment.
        settings: further keys of an experiment, for example `augmentation={"enabled": False}`.

    Raises:
        ConfigError: as `run_training`; also monitoring arguments that contradict each other, or that nobody would hear
            because monitoring is off.
        DataError, NonFiniteLossError: as `run_training`.
    """
    nas = NasArguments(
        enable=enable_nas_monitoring,
        log_dir=nas_log_dir,
        csv_path=nas_csv_path,
        log_freq=nas_log_freq,
        batch_freq=nas_monitor_batch_freq,
        callback=nas_callback,
        config=nas_config,
    )
    section = nas.section()
    if section and settings.get("nas"):
        raise ConfigError("nas: give this section or the nas_... arguments, not both")
    config = config_from_mapping(
        {
            "model_name": model_name,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": lr,
            "data": os.fspath(data),
            "seed": seed,
            **settings,
            **({"nas": section} if section else {}),
        }
    )
    nas.check_heard(config)
    trained = run_training(config, run_path=None if run_dir is None else Path(run_dir), monitor=nas_callback)
    return trained.model, trained.history


def train_model(
    config_path: str | os.PathLike[str] = "configs/experiments.yaml", experiment_name: str = "default"
) -> dict[str, Any]:
    """Run one named experiment of a file; returns `status`, `model_path`, `final_metrics` and `run_dir`.

    Raises on any error; a returned `status` is always "success".
    """
    trained = run_training(load_experiment(Path(config_path), experiment_name))
    final = {key: values[-1] for key, values in trained.history.history.items()}
    return {
        "status": "success",
        "model_path": str(trained.run.best_model_path),
        "final_metrics": final | ({} if trained.validation is None else {"best_val_iou": _iou(trained.validation)}),
        "run_dir": str(trained.run.path),
    }


def check_trainable(config: ExperimentConfig, *, teacher_to_come: bool = False) -> None:
    """Raise an error for what is known before anything is read: no data, an unknown network, an absent teacher.

    With `teacher_to_come` the teacher need not be there yet, because it is trained first.
    """
    _named_data(config)
    if config.model_name not in REGISTRY:
        raise ConfigError(f"model_name: unknown model {config.model_name!r}; known: {', '.join(REGISTRY)}")
    if not teacher_to_come:
        teacher_path(config)
    if config.feature_layers:
        _check_features(config)
    if config.quantization.aware and config.export.probabilities:
        raise ConfigError(
            "export.probabilities: a network that was trained under int8 arithmetic ends in logits; set this or "
            "quantization.aware to false"
        )
    if trains_int8_from_the_start(config) and config.nas.enabled:
        raise ConfigError(
            "quantization.from_first_epoch: the monitor looks at float networks; set this or nas.enabled to false"
        )


def _check_features(config: ExperimentConfig) -> None:
    """ConfigError where the layers of a teacher cannot be followed in this training."""
    if not config.use_distillation:
        raise ConfigError("feature_layers: there is no teacher to follow; name one (teacher_weights, --teacher)")
    if config.nas.enabled:
        raise ConfigError(
            "feature_layers: the monitor cannot see inside a student that follows its teacher's layers; leave "
            "these out or set nas.enabled to false, and use nano-u analyze afterwards"
        )
    if trains_int8_from_the_start(config):
        raise ConfigError(
            "feature_layers: layers are matched in float training; leave them out or set quantization.from_first_epoch "
            "to false"
        )


@contextmanager
def _precision(mixed: bool) -> Iterator[None]:
    """Layers built inside compute in half precision or not; Keras' global policy is as before afterwards."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _named_data(config: ExperimentConfig) -> str:
    if config.data is None:
        raise ConfigError("data: no dataset named; give --data DIR (or --data synthetic for the built-in terrain)")
    return config.data


def _write_inputs(
    run: RunDirectory,
    config: ExperimentConfig,
    data: dict[str, ImageSet],
    architecture: Architecture,
    teacher: Teacher | None,
) -> None:
    """Everything that is known before the first step, so that a run that dies can still be understood."""
    write_text_atomic(run.config_path, config_to_yaml(config))
    splits = {name: {"images": len(part), "sha256": part.fingerprint()} for name, part in data.items()}
    provenance = collect_provenance(
        seed=config.seed, dataset={"source": config.data, "splits": splits}, threads=config.training.threads
    )
    write_json(run.provenance_path, provenance | ({} if teacher is None else {"teacher": teacher.record()}))
    write_architecture(architecture, run.graph_path)


def _best(run: RunDirectory, config: ExperimentConfig) -> keras.Model:
    if not run.best_model_path.exists():
        raise NonFiniteLossError(
            f"{run.path}: the validation loss was NaN or infinite after every epoch, so no model was kept; lower "
            f"learning_rate ({config.learning_rate:g}) or set training.gradient_clip"
        )
    return load_model(run.best_model_path)


def _validate(
    model: keras.Model, data: dict[str, ImageSet], floor: npt.NDArray[np.float64] | None
) -> Evaluation | None:
    if "val" not in data:
        return None
    return evaluate(float_predictor_of(model).of(data["val"]), data["val"], floor_probabilities=floor)


def _draw_history(run: RunDirectory, validation: Evaluation | None) -> None:
    """Learning curves with the no-learning floor of the validation split."""
    floor = None if validation is None else validation.pooled.floor
    figure = draw_history(read_history(run.history_path), floor_iou=None if floor is None else floor.iou)
    save_figure(figure, run.path / "history.png")


def _metrics(
    best_epoch: int,
    history: History,
    check: BatchNormCheck | None,
    validation: Evaluation | None,
    teacher: Evaluation | None,
) -> dict[str, Any]:
    final = {key: float(values[-1]) for key, values in history.history.items()}
    return {
        "best_epoch": best_epoch,
        "epochs": len(history.epoch),
        "final": {key: value if math.isfinite(value) else None for key, value in final.items()},
        "batch_norm": None if check is None else asdict(check),
        "validation": None if validation is None else validation.to_dict(),
        **({} if teacher is None else {"teacher": teacher.to_dict()}),
    }


def _refined(refined: Refined | None, validation: Evaluation | None) -> dict[str, Any]:
    return {} if refined is None else {"quantization_aware": refined.record(validation)}


def _save_also(model: keras.Model, run: RunDirectory, save_format: SaveFormat) -> None:
    """A second copy of the best model in the asked-for format; `best.keras` is always there."""
    if save_format == "keras":
        return
    path = run.path / f"{'model' if save_format == 'savedmodel' else 'best'}{SUFFIXES[save_format]}"
    if save_format == "savedmodel":
        save_model(model, path)
        return
    with atomic_path(path) as temporary:
        save_model(model, temporary)


def _iou(evaluation: Evaluation) -> float | None:
    return evaluation.pooled.metrics.iou
