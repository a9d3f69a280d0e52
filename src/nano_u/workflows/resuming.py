"""Training into a run directory that an earlier call may have finished, or left unfinished."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.errors import RunError
from nano_u.runs import RunDirectory, open_run


def train_unless_finished(
    config: ExperimentConfig,
    path: Path,
    train: Callable[[], Any],
    *,
    is_outdated: Callable[[RunDirectory], bool] = lambda run: False,
) -> bool:
    """Call `train`, which trains `config` into `path`, unless that was done; whether it had to be.

    A training of the same configuration that was interrupted is done afresh, and so is a finished one of which
    `is_outdated` says that something else than the configuration has changed. One of another configuration is left as
    it is, for `train` to refuse.

    Raises:
        RunError: the directory is in use, or its records are damaged.
    """
    run = RunDirectory(path)
    if run.config_path.is_file() and load_experiment(open_run(path).config_path) == config:
        if run.is_finished and not is_outdated(run):
            return False
        clear(run)
    train()
    return True


def refuse_other_settings(config: ExperimentConfig, path: Path) -> None:
    """Raise RunError where `path` holds a training of another configuration than `config`."""
    run = RunDirectory(path)
    if not (run.is_finished or any(model.exists() for model in run.models)):
        return
    if load_experiment(open_run(path).config_path) != config:
        state = "a finished run" if run.is_finished else "an unfinished run"
        raise RunError(f"{path}: holds {state}; choose another run directory or remove this one: its settings differ")


def clear(run: RunDirectory) -> None:
    """Remove what an earlier training left and what was made of it; RunError while it is still running."""
    with run.lock():
        run.metrics_path.unlink(missing_ok=True)  # first: what an interrupt leaves from here on is unfinished
        for folder in (run.export_dir, run.evaluation_dir(""), run.soft_targets_dir, run.monitor_dir):
            shutil.rmtree(folder, ignore_errors=True)
        for path in (
            *run.models,
            run.report_path,
            run.qat_history_path,
            run.history_path,
            run.history_path.with_suffix(".png"),
        ):
            path.unlink(missing_ok=True)
