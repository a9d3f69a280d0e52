"""The order, states and ranking of trials, with a stand-in for training that writes what a training writes."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nano_u.config import ExperimentConfig, config_to_yaml
from nano_u.errors import ConfigError, DataError
from nano_u.runs import RunDirectory, create_run, write_json, write_text_atomic
from nano_u.workflows.experiments import Trial, plan_trials, rank, read_trial, run_experiments, write_summary

FILE = "data: synthetic\nexperiments:\n  small: {seed: 5, model: {bottleneck: 8}}\n  large: {model: {bottleneck: 64}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(FILE)
    return path


def write_run(config: ExperimentConfig, path: Path, iou: float | None) -> None:
    """The records of a finished training."""
    run = create_run(path, name="nano_u")
    write_text_atomic(run.config_path, config_to_yaml(config))
    validation = None if iou is None else {"pooled": {"metrics": {"iou": iou}}}
    write_json(run.metrics_path, {"best_epoch": 7, "validation": validation})


def trainer(scores: Mapping[str, float | BaseException]) -> Callable[..., None]:
    """Trains each run directory, by its name, to a score or to an error."""

    def train(config: ExperimentConfig, path: Path, report: Callable[[str], None]) -> None:
        report("epoch 1/50")
        outcome = scores[path.name]
        if isinstance(outcome, BaseException):
            raise outcome
        write_run(config, path, outcome)

    return train


def test_every_experiment_is_planned_with_each_of_its_seeds(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small", "large", "small"], seeds=2, root=tmp_path, settings={"data": "a: b"})

    assert [(trial.experiment, trial.seed, trial.run.name, trial.status) for trial, _ in planned] == [
        ("small", 5, "small-seed5", "queued"),
        ("small", 6, "small-seed6", "queued"),
        ("large", 0, "large-seed0", "queued"),
        ("large", 1, "large-seed1", "queued"),
    ]
    assert [(config.seed, config.model.bottleneck, config.data) for _, config in planned] == [
        (5, 8, "a: b"),
        (6, 8, "a: b"),
        (0, 64, "a: b"),
        (1, 64, "a: b"),
    ]


def test_a_wrong_override_is_refused_before_anything_runs(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'epoch'"):
        plan_trials(file, ["small"], seeds=1, root=tmp_path, overrides=["epoch=3"])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("{data: null}", "data: no dataset named"),
        ("{model_name: nano_v}", "model_name: unknown model 'nano_v'; known: nano_u, bu_net"),
        ("{use_distillation: true}", "teacher_weights: "),
    ],
)
def test_what_could_never_be_trained_is_refused_before_anything_runs(
    file: Path, tmp_path: Path, wrong: str, reason: str
) -> None:
    file.write_text(FILE + f"  wrong: {wrong}\n")

    with pytest.raises(ConfigError) as caught:
        plan_trials(file, ["small", "wrong"], seeds=1, root=tmp_path)

    assert str(caught.value).startswith(f"experiment 'wrong': {reason}")


def test_a_failing_trial_is_marked_and_the_others_go_on(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small", "large"], seeds=2, root=tmp_path)
    outcomes = {"small-seed5": DataError("no masks"), "small-seed6": 0.5, "large-seed0": OSError(28, "disk full")}
    states: list[list[str]] = []

    trials = run_experiments(
        planned,
        trainer({**outcomes, "large-seed1": 0.75}),
        changed=lambda trials: states.append([f"{trial.status} {trial.note}".strip() for trial in trials]),
    )

    assert [(trial.status, trial.val_iou, trial.best_epoch, trial.error) for trial in trials] == [
        ("failed", None, None, "no masks"),
        ("done", 0.5, 7, None),
        ("failed", None, None, "[Errno 28] disk full"),
        ("done", 0.75, 7, None),
    ]
    assert states[:4] == [
        ["running", "queued", "queued", "queued"],
        ["running epoch 1/50", "queued", "queued", "queued"],
        ["failed", "queued", "queued", "queued"],
        ["failed", "running", "queued", "queued"],
    ]
    assert states[-1] == ["failed", "done", "failed", "done"]


def test_whatever_a_trial_raises_the_others_go_on_and_debug_shows_the_traceback(
    file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    planned = plan_trials(file, ["small"], seeds=2, root=tmp_path)
    caplog.set_level(logging.DEBUG, logger="nano_u")

    trials = run_experiments(planned, trainer({"small-seed5": ZeroDivisionError("one\ntwo"), "small-seed6": 0.5}))

    assert [(trial.status, trial.error) for trial in trials] == [
        ("failed", "ZeroDivisionError: one two"),
        ("done", None),
    ]
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "in train\n" in caplog.text
    assert "ZeroDivisionError: one" in caplog.text


def test_an_interrupt_ends_everything_and_the_summary_says_how_far_it_came(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small", "large"], seeds=2, root=tmp_path)
    summary = tmp_path / "summary.csv"

    with pytest.raises(KeyboardInterrupt):
        run_experiments(planned, trainer({"small-seed5": 0.5, "small-seed6": KeyboardInterrupt()}), summary=summary)

    assert [(row["run"], row["status"], row["error"]) for row in csv.DictReader(summary.read_text().splitlines())] == [
        (str(tmp_path / "small-seed5"), "done", ""),
        (str(tmp_path / "small-seed6"), "failed", "interrupted"),
    ]


def write_interrupted_run(config: ExperimentConfig, path: Path) -> None:
    """What a training that was killed after its first epoch leaves."""
    run = create_run(path, name="nano_u")
    write_text_atomic(run.config_path, config_to_yaml(config))
    for left in (run.best_model_path, run.history_path, run.path / "history.png"):
        left.write_text("of the interrupted training")
    for folder in (run.evaluation_dir("val"), run.path / "nas" / "tensorboard"):
        folder.mkdir(parents=True)


def test_an_interrupted_trial_is_trained_afresh_and_what_is_not_ours_stays(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small"], seeds=1, root=tmp_path)
    trial, config = planned[0]
    write_interrupted_run(config, trial.run)
    (trial.run / ".notes").write_text("mine")

    (again,) = run_experiments(planned, trainer({"small-seed5": 0.5}))

    assert (again.status, again.val_iou) == ("done", 0.5)
    assert {path.name for path in trial.run.iterdir()} == {"config.yaml", "metrics.json", ".notes"}


def test_an_interrupted_trial_of_other_settings_or_still_running_is_left_alone(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small"], seeds=1, root=tmp_path)
    trial, config = planned[0]
    write_interrupted_run(config, trial.run)
    before = {path.name for path in trial.run.iterdir()}
    other = plan_trials(file, ["small"], seeds=1, root=tmp_path, overrides=["epochs=3"])

    (different,) = run_experiments(other, trainer({"small-seed5": 0.5}))
    with RunDirectory(trial.run).lock():
        (running,) = run_experiments(planned, trainer({"small-seed5": 0.5}))

    assert "holds the model of an unfinished run" in str(different.error)
    assert "in use by process" in str(running.error)
    assert {path.name for path in trial.run.iterdir()} == before


def test_a_second_call_trains_only_what_failed_and_never_over_other_settings(file: Path, tmp_path: Path) -> None:
    planned = plan_trials(file, ["small", "large"], seeds=1, root=tmp_path)
    run_experiments(planned, trainer({"small-seed5": 0.5, "large-seed0": DataError("no masks")}))

    again = run_experiments(planned, trainer({"large-seed0": 0.75}))
    other = plan_trials(file, ["small"], seeds=1, root=tmp_path, overrides=["epochs=3"])
    refused = run_experiments(other, lambda config, path, report: create_run(path, name="nano_u"))

    assert [(trial.status, trial.val_iou, trial.note) for trial in again] == [
        ("done", 0.5, "finished earlier"),
        ("done", 0.75, ""),
    ]
    assert refused[0].status == "failed"
    assert "holds a finished run" in str(refused[0].error)
    assert read_trial(again[0]).val_iou == 0.5


def trial(experiment: str, val_iou: float | None, status: str = "done") -> Trial:
    return Trial(experiment, 0, Path("run"), status, val_iou)


def test_experiments_rank_by_their_mean_and_those_without_one_come_last() -> None:
    trials = [
        trial("failed", None, "failed"),
        trial("lucky", 0.9),
        trial("lucky", 0.3),
        trial("steady", 0.7),
        trial("steady", 0.7),
        trial("steady", None, "failed"),
        trial("single", 0.0),
    ]

    rows = [(row.experiment, row.mean_iou, row.spread, row.done, row.failed) for row in rank(trials)]

    assert rows == [
        ("steady", 0.7, 0.0, 2, 1),
        ("lucky", pytest.approx(0.6), pytest.approx(0.18**0.5), 2, 0),
        ("single", 0.0, None, 1, 0),
        ("failed", None, None, 0, 1),
    ]


def test_the_summary_has_a_row_per_trial_and_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    trials = [
        Trial("small", 5, Path("runs/small-seed5"), "done", 0.5, 7, note="finished earlier"),
        Trial("large", 0, Path("runs/large-seed0"), "failed", error='no masks, "none"'),
    ]

    write_summary(trials, tmp_path / "new" / "summary.csv")

    assert list(csv.reader((tmp_path / "new" / "summary.csv").read_text().splitlines())) == [
        ["experiment", "seed", "status", "val_iou", "best_epoch", "run", "error"],
        ["small", "5", "done", "0.5", "7", "runs/small-seed5", ""],
        ["large", "0", "failed", "", "", "runs/large-seed0", 'no masks, "none"'],
    ]


def test_a_summary_keeps_the_rows_of_other_runs_and_replaces_its_own(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    write_summary([Trial("a", 0, Path("runs/a-seed0"), "failed", error="x"), trial("b", 0.25)], path)

    write_summary(
        [Trial("a", 0, Path("runs/a-seed0"), "done", 0.5, 7), Trial("c", 0, Path("runs/c"), "done", 0.75)], path
    )

    rows = csv.DictReader(path.read_text().splitlines())
    assert [(row["experiment"], row["status"], row["val_iou"], row["best_epoch"], row["error"]) for row in rows] == [
        ("a", "done", "0.5", "7", ""),
        ("b", "done", "0.25", "", ""),
        ("c", "done", "0.75", "", ""),
    ]
