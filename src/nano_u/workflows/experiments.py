"""Several experiments one after the other, each over several seeds; a failing one is reported, the others go on."""

from __future__ import annotations

import csv
import io
import logging
import statistics
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.errors import ConfigError, NanoUError, RunError
from nano_u.runs import open_run, read_json, write_text_atomic
from nano_u.workflows.resuming import train_unless_finished

logger = logging.getLogger(__name__)

SUMMARY_COLUMNS = ("experiment", "seed", "status", "val_iou", "best_epoch", "run", "error")


@dataclass(frozen=True)
class Trial:
    """One experiment with one seed: where its run is and how it came out."""

    experiment: str
    seed: int
    run: Path
    status: str
    """queued, running, done or failed."""
    val_iou: float | None = None
    best_epoch: int | None = None
    error: str | None = None
    note: str = ""
    """How far it is, or why it did not run."""


@dataclass(frozen=True)
class Ranking:
    """One experiment over its seeds: mean validation IoU, its spread (sample standard deviation) and failures."""

    experiment: str
    mean_iou: float | None
    spread: float | None
    done: int
    failed: int


Planned = tuple[Trial, ExperimentConfig]
Train = Callable[[ExperimentConfig, Path, Callable[[str], None]], Any]
"""Trains a configuration into a run directory, telling now and then how far it is."""
Changed = Callable[[Sequence[Trial]], None]


def plan_trials(
    file: Path,
    names: Sequence[str],
    *,
    seeds: int,
    root: Path,
    overrides: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> list[Planned]:
    """Every experiment with seeds s, s+1, ... from its own; ConfigError where one of them could never be trained.

    `settings` are typed values by dotted key that hold for all of them, None meaning not given.
    """
    configs = {name: load_experiment(file, name, overrides, settings=settings) for name in names}
    _check_all(configs)
    planned = []
    for name, config in configs.items():
        for seed in range(config.seed, config.seed + seeds):
            trial = Trial(name, seed, root / f"{name.replace('/', '-')}-seed{seed}", "queued")
            planned.append((trial, config.model_copy(update={"seed": seed})))
    return planned


def _check_all(configs: Mapping[str, ExperimentConfig]) -> None:
    from nano_u.workflows.training import check_trainable  # loads TensorFlow, which a wrong key need not wait for

    for name, config in configs.items():
        try:
            check_trainable(config)
        except ConfigError as error:
            raise ConfigError(f"experiment {name!r}: {error}") from error


def run_experiments(
    planned: Sequence[Planned], train: Train, *, changed: Changed = lambda trials: None, summary: Path | None = None
) -> list[Trial]:
    """Run the trials in order, telling `changed` of every change of state.

    A trial that raises is marked failed with what it raised and the next one starts; only an interrupt ends them all.
    One that an earlier call finished with the same configuration is not trained again, one that it left unfinished is
    trained afresh. `summary` is written also when the trials are interrupted.
    """
    trials = [trial for trial, _ in planned]
    try:
        for index, (trial, config) in enumerate(planned):

            def show(state: Trial, index: int = index) -> None:
                trials[index] = state
                changed(trials)

            show(replace(trial, status="running"))
            show(_attempt(trial, config, train, show))
    finally:
        if summary is not None:
            write_summary([_stopped(trial) for trial in trials if trial.status != "queued"], summary)
    return trials


def _stopped(trial: Trial) -> Trial:
    return replace(trial, status="failed", error="interrupted") if trial.status == "running" else trial


def _attempt(trial: Trial, config: ExperimentConfig, train: Train, show: Callable[[Trial], None]) -> Trial:
    """The trial as it ended. A boundary: hours of other trials must not be lost to whatever this one raises."""
    try:
        return _run_trial(trial, config, train, show)
    except Exception as error:  # noqa: BLE001  (see above; the traceback is logged, the type and message are reported)
        logger.debug("%s failed:\n%s", trial.run, traceback.format_exc())
        kind = "" if isinstance(error, (NanoUError, OSError)) else f"{type(error).__name__}: "
        return replace(trial, status="failed", error=" ".join(f"{kind}{error}".split()))


def _run_trial(trial: Trial, config: ExperimentConfig, train: Train, show: Callable[[Trial], None]) -> Trial:
    def tell(note: str) -> None:
        show(replace(trial, status="running", note=note))

    trained = train_unless_finished(config, trial.run, lambda: train(config, trial.run, tell))
    done = read_trial(trial)
    return done if trained else replace(done, note="finished earlier")


def read_trial(trial: Trial) -> Trial:
    """The trial with its result as written in its run directory; RunError where training has not finished."""
    run = open_run(trial.run)
    metrics = read_json(run.require(run.metrics_path))
    try:
        best_epoch, validation = metrics["best_epoch"], metrics["validation"]
        iou = None if validation is None else validation["pooled"]["metrics"]["iou"]
        val_iou = None if iou is None else float(iou)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.metrics_path}: does not hold the metrics of a training") from error
    return replace(trial, status="done", val_iou=val_iou, best_epoch=best_epoch, error=None)


def rank(trials: Sequence[Trial]) -> list[Ranking]:
    """Experiments by mean validation IoU, best first; those without one come last."""
    names = list(dict.fromkeys(trial.experiment for trial in trials))
    rankings = []
    for name in names:
        own = [trial for trial in trials if trial.experiment == name]
        scores = [trial.val_iou for trial in own if trial.val_iou is not None]
        rankings.append(
            Ranking(
                name,
                statistics.fmean(scores) if scores else None,
                statistics.stdev(scores) if len(scores) > 1 else None,
                sum(trial.status == "done" for trial in own),
                sum(trial.status == "failed" for trial in own),
            )
        )
    return sorted(rankings, key=lambda row: -1.0 if row.mean_iou is None else row.mean_iou, reverse=True)


def write_summary(trials: Sequence[Trial], path: Path) -> None:
    """One CSV row per trial; rows of other runs that are there already stay."""
    rows = _rows_by_run(path)
    for trial in trials:
        values = {column: getattr(trial, column) for column in SUMMARY_COLUMNS}
        rows[trial.run.name] = {column: "" if value is None else str(value) for column, value in values.items()}
    text = io.StringIO()
    writer = csv.DictWriter(text, SUMMARY_COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, text.getvalue())


def _rows_by_run(path: Path) -> dict[str, dict[str, str]]:
    """Rows of an earlier summary by the name of their run directory; none where there is no such file."""
    if not path.is_file():
        return {}
    rows = csv.DictReader(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {Path(row["run"]).name: row for row in rows if row.get("run")}
