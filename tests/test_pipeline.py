"""The whole way once, through the workflows: synthetic terrain, training under the monitor, its files, evaluation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from nano_u.config import load_experiment
from nano_u.reporting import read_history
from nano_u.workflows import evaluate_model, run_training
from nano_u.workflows.training import TrainingRun


@pytest.fixture(scope="module")
def trained(tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    settings = (*tiny_settings, "batch_size=32", "use_nas=true", "nas.max_samples=16", "nas.tensorboard=false")
    config = load_experiment(None, None, settings, settings={"data": "synthetic"})
    return run_training(config, run_path=tmp_path_factory.mktemp("pipeline") / "run")


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_training_leaves_a_model_a_history_and_the_redundancy_of_every_epoch(trained: TrainingRun) -> None:
    run, history = trained.run, read_history(trained.run.history_path)
    watched = read_csv(run.path / "nas" / "nano_u_nas_metrics.csv")

    assert run.is_finished
    assert run.best_model_path.is_file()
    assert [int(row["epoch"]) for row in watched] == list(history.epochs) == [1, 2]
    assert history.series["nas_redundancy"] == tuple(float(row["redundancy_score"]) for row in watched)


def test_the_result_sums_the_monitor_up(trained: TrainingRun) -> None:
    watched = read_csv(trained.run.path / "nas" / "nano_u_nas_metrics.csv")
    layers = read_csv(trained.run.path / "nas" / "nano_u_nas_layers.csv")
    assert trained.monitored is not None
    first, last = trained.monitored.first, trained.monitored.last

    assert trained.monitored.folder == trained.run.path / "nas"
    assert [first.epoch, last.epoch] == [1, 2]
    assert [str(record.model.redundancy_score) for record in (first, last)] == [
        row["redundancy_score"] for row in watched
    ]
    assert [layer.layer for layer in last.layers] == [row["layer"] for row in layers if row["epoch"] == "2"]


def test_the_monitored_run_evaluates_like_any_other(trained: TrainingRun) -> None:
    evaluated = evaluate_model(trained.run.path, split="val")

    assert trained.validation is not None
    recorded = json.loads(trained.run.metrics_path.read_text())["validation"]["pooled"]["metrics"]["iou"]
    assert evaluated.evaluation.pooled.metrics.iou == pytest.approx(recorded, abs=1e-6)
    assert evaluated.evaluation.pooled.metrics.iou == pytest.approx(trained.validation.pooled.metrics.iou, abs=1e-6)
