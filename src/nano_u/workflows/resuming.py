"""Training into a run directory that an earlier call may have finished, or left unfinished."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.runs import RunDirectory, open_run
from nano_u.workflows.monitoring import FOLDER as NAS_FOLDER


def train_unless_finished(config: ExperimentConfig, path: Path, train: Callable[[], Any]) -> bool:
    """Call `train`, which trains `config` into `path`, unless that was done; whether it had to be.

    A training of the same configuration that was interrupted is done afresh. One of another configuration is left as
    it is, for `train` to refuse.

    Raises:
        RunError: the directory is in use, or its records are damaged.
    """
    run = RunDirectory(path)
    if run.config_path.is_file() and load_experiment(open_run(path).config_path) == config:
        if run.is_finished:
            return False
        clear(run)
    train()
    return True


def clear(run: RunDirectory) -> None:
    """Remove what an interrupted training left and what was made of it; RunError while it is still running."""
    with run.lock():
        for folder in (run.export_dir, run.evaluation_dir(""), run.soft_targets_dir, run.path / NAS_FOLDER):
            shutil.rmtree(folder, ignore_errors=True)
        models = (run.best_model_path, run.last_model_path, run.qat_model_path)
        for path in (
            *models,
            run.report_path,
            run.qat_history_path,
            run.history_path,
            run.history_path.with_suffix(".png"),
        ):
            path.unlink(missing_ok=True)
