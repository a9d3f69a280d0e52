from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.models import load_model


def weights(path: Path) -> bytes:
    return b"".join(weight.tobytes() for weight in load_model(path).get_weights())


@pytest.fixture
def teacher_run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy, since its logits are kept beside a teacher."""
    return Path(shutil.copytree(tiny_run, tmp_path / "teacher"))


def arguments(tiny_run: Path, run: Path, settings: tuple[str, ...], *more: str) -> list[str]:
    data = json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]
    return ["--data", data, "--run-dir", str(run), *more, "--set", *settings, "seed=4"]


def test_distill_trains_a_student_and_says_who_taught_it(
    teacher_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (teacher_run / "best.keras").read_bytes()
    options = ("--teacher", str(teacher_run), "--alpha", "0.5", "--temperature", "2")

    assert main(["distill", *arguments(teacher_run, tmp_path / "run", tiny_settings, *options)]) == 0

    assert "on the same images: student IoU " in capsys.readouterr().out
    header = (tmp_path / "run" / "history.csv").read_text().splitlines()[0].split(",")
    assert {"student_loss", "distillation_loss", "val_student_loss"} <= set(header)
    teacher = json.loads((tmp_path / "run" / "provenance.json").read_text())["teacher"]
    assert teacher["path"] == str(teacher_run / "best.keras")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert main(["evaluate", str(teacher_run), "--split", "val", "--output-dir", str(tmp_path / "e"), "--quiet"]) == 0
    evaluated = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert metrics["teacher"]["pooled"]["metrics"] == evaluated["pooled"]["metrics"]
    assert (teacher_run / "best.keras").read_bytes() == before
    student = load_model(tmp_path / "run" / "best.keras")
    assert student.count_params() == load_model(teacher_run / "best.keras").count_params()  # and nothing of the teacher


def test_train_with_a_teacher_is_distillation_and_the_seed_decides(
    teacher_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    teacher = ("--teacher", str(teacher_run / "best.keras"))

    assert main(["distill", "--quiet", *arguments(teacher_run, tmp_path / "a", tiny_settings, *teacher)]) == 0
    assert main(["train", "--quiet", *arguments(teacher_run, tmp_path / "b", tiny_settings, *teacher)]) == 0
    assert main(["train", "--quiet", *arguments(teacher_run, tmp_path / "c", tiny_settings)]) == 0

    found = [weights(tmp_path / name / "best.keras") for name in "abc"]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("command", "options", "message", "code"),
    [
        ("distill", (), "teacher_weights: distillation needs a trained teacher", 2),
        ("distill", ("--teacher", "gone"), "gone: no such teacher", 1),
        ("train", ("--alpha", "0.5"), "there is no teacher; name one with --teacher", 2),
        ("distill", ("--teacher", "RUN", "--alpha", "1.5"), "alpha", 2),
        ("distill", ("--teacher", "RUN", "--temperature", "0"), "temperature", 2),
        ("distill", ("--teacher", "RUN", "--set", "model.input_shape=[32,32,3]"), "takes images of (16, 16, 3)", 2),
    ],
)
def test_what_cannot_be_taught_is_one_line_and_leaves_nothing(
    tiny_run: Path,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    options: tuple[str, ...],
    message: str,
    code: int,
) -> None:
    named = [str(tiny_run) if option == "RUN" else option for option in options]
    own = arguments(tiny_run, tmp_path / "run", tiny_settings)

    assert main([command, *own, *named]) == code

    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()


FEATURES = "feature_layers={bottleneck_block1_pointwise_relu: bottleneck_block1_pointwise_relu}"


def test_layers_that_follow_the_teachers_are_logged_and_int8_training_goes_on_without_them(
    teacher_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    options = ("--teacher", str(teacher_run), "--qat")
    settings = (*tiny_settings, FEATURES, "quantization.epochs=1")

    assert main(["distill", "--quiet", *arguments(teacher_run, tmp_path / "run", settings, *options)]) == 0

    headers = [(tmp_path / "run" / name).read_text().splitlines()[0] for name in ("history.csv", "history_qat.csv")]
    assert ["feature_loss" in header for header in headers] == [True, False]
    assert ["distillation_loss" in header for header in headers] == [True, True]
    student, teacher = (load_model(path / "best.keras") for path in (tmp_path / "run", teacher_run))
    assert [weight.path for weight in student.weights] == [weight.path for weight in teacher.weights]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--enable-nas",), "feature_layers: the monitor cannot see inside a student"),
        (("--qat", "--set", "quantization.from_first_epoch=true"), "feature_layers: layers are matched in float"),
        (("--set", "feature_layers={bottleneck_block1_pointwise_relu: bottlenek}"), "no layer 'bottlenek'"),
    ],
)
def test_layers_that_cannot_be_followed_are_told_before_training(
    more: tuple[str, ...],
    told: str,
    teacher_run: Path,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = arguments(teacher_run, tmp_path / "run", (*tiny_settings, FEATURES), "--teacher", str(teacher_run))

    assert main(["distill", "--quiet", *given, *more]) == 2

    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_layers_of_no_teacher_cannot_be_followed(
    teacher_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments(teacher_run, tmp_path / "run", (*tiny_settings, FEATURES))]) == 2

    assert "feature_layers: there is no teacher to follow" in capsys.readouterr().err
