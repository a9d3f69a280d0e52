from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.errors import ConfigError
from nano_u.workflows.pipeline import plan_pipeline


@pytest.fixture
def data(tiny_run: Path) -> str:
    source: str = json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]
    return source


def test_one_command_ends_with_a_checked_model_and_a_report_and_the_next_call_trains_nothing(
    tiny_run: Path, data: str, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, root = tmp_path / "given", tmp_path / "pipeline"
    shutil.copytree(tiny_run, teacher)
    arguments = ["pipeline", "--data", data, "--run-dir", str(root), "--teacher", str(teacher)]
    arguments += ["--enable-nas-monitoring", "--set", *tiny_settings, "quantization.epochs=1"]

    assert main(arguments) == 0

    first = capsys.readouterr()
    report = root / "student" / "report.html"
    assert first.out.splitlines()[-1].endswith(f"report: {report}")
    assert "training the student" in first.err
    assert json.loads((root / "student" / "provenance.json").read_text())["teacher"]["path"] == str(
        teacher / "best.keras"
    )
    exported = json.loads((root / "student" / "export" / "export.json").read_text())
    assert exported["verification"]["equal_to_micro"] in (True, None)
    assert exported["calibration_images"] == 0
    assert (root / "student" / "nas" / "nano_u_nas_metrics.csv").is_file()
    model = (root / "student" / "qat.keras").stat().st_mtime_ns

    assert main(arguments) == 0

    assert "finished earlier" in capsys.readouterr().err
    assert (root / "student" / "qat.keras").stat().st_mtime_ns == model


def test_an_interrupted_student_is_trained_afresh(
    tiny_run: Path, data: str, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    teacher, root = tmp_path / "given", tmp_path / "pipeline"
    shutil.copytree(tiny_run, teacher)
    arguments = ["pipeline", "--quiet", "--data", data, "--run-dir", str(root), "--teacher", str(teacher)]
    arguments += ["--set", *tiny_settings, "quantization.epochs=1"]
    assert main(arguments) == 0
    weights = (root / "student" / "export" / "model.tflite").read_bytes()
    (root / "student" / "metrics.json").unlink()  # as an interrupt leaves it
    (root / "student" / "best.keras").write_bytes(b"half")

    assert main(arguments) == 0

    assert (root / "student" / "export" / "model.tflite").read_bytes() == weights


def test_another_configuration_in_the_same_place_is_refused_and_nothing_is_lost(
    tiny_run: Path, data: str, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "pipeline"
    shutil.copytree(tiny_run, root / "student")
    arguments = ["pipeline", "--data", data, "--run-dir", str(root), "--teacher", str(tiny_run)]

    assert main([*arguments, "--set", *tiny_settings]) == 1

    assert "holds a finished run; choose another run directory" in capsys.readouterr().err
    assert (root / "student" / "best.keras").read_bytes() == (tiny_run / "best.keras").read_bytes()


def test_without_a_teacher_one_is_trained_first_at_the_students_size(tmp_path: Path) -> None:
    overrides = [
        "model.input_shape=[96,128,3]",
        "model.filters=[4]",
        "batch_size=8",
        "quantization.epochs=3",
        "alpha=0.5",
    ]

    plan = plan_pipeline("synthetic", tmp_path, seed=7, teacher_epochs=5, monitor=True, overrides=overrides)

    assert plan.teacher is not None
    assert (plan.teacher.model_name, plan.teacher.epochs, plan.teacher.model.filters) == ("bu_net", 5, None)
    assert plan.teacher.model.input_shape == plan.student.model.input_shape == (96, 128, 3)
    assert (plan.teacher.batch_size, plan.student.batch_size) == (8, 8)
    assert (plan.teacher.seed, plan.student.seed) == (7, 7)
    assert (plan.teacher.nas.enabled, plan.student.nas.enabled) == (True, True)
    assert (plan.student.use_distillation, plan.teacher.use_distillation) == (True, False)
    assert (plan.student.quantization.aware, plan.teacher.quantization.aware) == (True, False)
    assert (plan.student.model.filters, plan.student.quantization.epochs) == ((4,), 3)
    assert plan.student.teacher_weights == str(tmp_path / "teacher")


def test_a_wrong_key_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'epoch'; did you mean 'epochs'"):
        plan_pipeline("synthetic", tmp_path, overrides=["epoch=3"])
