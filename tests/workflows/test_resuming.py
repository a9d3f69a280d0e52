"""What is trained again, what is kept, and what is refused, with a stand-in for training."""

from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.config import ExperimentConfig, config_from_mapping, config_to_yaml
from nano_u.errors import RunError
from nano_u.runs import RunDirectory, create_run, write_json, write_text_atomic
from nano_u.workflows.resuming import clear, refuse_other_settings, train_unless_finished

CONFIG = config_from_mapping({"epochs": 3})
OTHER = config_from_mapping({"epochs": 4})


def write_run(config: ExperimentConfig, path: Path, *, finished: bool = True) -> RunDirectory:
    run = create_run(path, name="nano_u")
    write_text_atomic(run.config_path, config_to_yaml(config))
    run.best_model_path.write_bytes(b"weights")
    if finished:
        write_json(run.metrics_path, {"best_epoch": 1})
    return run


@pytest.mark.parametrize("outdated", [False, True])
def test_a_finished_training_is_kept_unless_it_is_outdated(tmp_path: Path, outdated: bool) -> None:
    run = write_run(CONFIG, tmp_path / "run")
    found: list[bool] = []

    trained = train_unless_finished(
        CONFIG, run.path, lambda: found.append(run.best_model_path.exists()), is_outdated=lambda asked: outdated
    )

    assert (trained, found) == ((True, [False]) if outdated else (False, []))
    assert run.is_finished == (not outdated)


def test_an_outdated_training_of_other_settings_is_left_alone(tmp_path: Path) -> None:
    run = write_run(OTHER, tmp_path / "run")

    assert train_unless_finished(CONFIG, run.path, lambda: None, is_outdated=lambda asked: True)

    assert run.is_finished
    assert run.best_model_path.exists()


def test_a_cleared_run_can_be_trained_into(tmp_path: Path) -> None:
    run = write_run(CONFIG, tmp_path / "run")

    clear(run)

    assert create_run(run.path, name="nano_u") == run


@pytest.mark.parametrize(("finished", "state"), [(True, "a finished run"), (False, "an unfinished run")])
def test_a_place_with_other_settings_is_refused(tmp_path: Path, finished: bool, state: str) -> None:
    run = write_run(CONFIG, tmp_path / "run", finished=finished)

    refuse_other_settings(CONFIG, run.path)
    refuse_other_settings(OTHER, tmp_path / "free")

    with pytest.raises(RunError, match=f"run: holds {state}; choose another run directory"):
        refuse_other_settings(OTHER, run.path)
