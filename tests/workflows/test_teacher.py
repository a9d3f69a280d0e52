"""Which files may teach."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from nano_u.config import ExperimentConfig, config_from_mapping
from nano_u.errors import ConfigError, ModelError, RunError
from nano_u.workflows.teacher import load_teacher, teacher_path
from nano_u.workflows.training import check_trainable


def taught_by(path: Path | None) -> ExperimentConfig:
    named = {} if path is None else {"teacher_weights": str(path)}
    return config_from_mapping({"data": "synthetic", "use_distillation": True, **named})


def test_a_finished_run_teaches_with_its_best_model_and_is_named_by_its_hash(tiny_run: Path) -> None:
    from nano_u.models import load_model

    config = taught_by(tiny_run)

    teacher = load_teacher(config, load_model(tiny_run / "best.keras"))

    assert teacher is not None
    assert teacher.path == teacher_path(config) == tiny_run / "best.keras"
    assert teacher.record()["sha256"] == hashlib.sha256((tiny_run / "best.keras").read_bytes()).hexdigest()


def test_an_unfinished_run_does_not_teach_but_its_file_may(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "metrics.json").unlink()

    with pytest.raises(RunError) as caught:
        check_trainable(taught_by(run))

    assert str(caught.value) == (
        f"{run}: this training is not finished, so it is no teacher yet; train it to its end, or name its file to take "
        f"it as it is ({run / 'best.keras'})"
    )
    assert teacher_path(taught_by(run / "best.keras")) == run / "best.keras"


def test_a_teacher_that_comes_first_need_not_be_there_yet(tmp_path: Path) -> None:
    config = taught_by(tmp_path / "teacher")

    check_trainable(config, teacher_to_come=True)

    with pytest.raises(ModelError, match="no such teacher"):
        check_trainable(config)
    with pytest.raises(ConfigError, match="distillation needs a trained teacher"):
        check_trainable(taught_by(None))
