from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from tests.cli.coarse_model import write_coarse_model

import nano_u.workflows.c_export as c_export
from nano_u.cli.main import main
from nano_u.codegen import CSources, StreamingPlan
from nano_u.errors import NanoUError
from nano_u.models import create_nano_u, save_model
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


def test_c_that_gives_other_bytes_fails_after_the_report(
    tiny_run: Path,
    data: str,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    generate = c_export.generate_c

    def broken(plan: StreamingPlan, name: str) -> CSources:
        sources = generate(plan, name)
        return dataclasses.replace(
            sources, source=sources.source.replace("emit(context,", "s->output_row[0] ^= 1; emit(context,", 1)
        )

    monkeypatch.setattr(c_export, "generate_c", broken)
    root = tmp_path / "pipeline"
    arguments = ["pipeline", "--data", data, "--run-dir", str(root), "--teacher", str(tiny_run)]

    assert main([*arguments, "--set", *tiny_settings, "quantization.epochs=1"]) == 1

    assert "not safe to deploy" in capsys.readouterr().err
    assert "Not safe to deploy" in (root / "student" / "report.html").read_text()


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


def test_overrides_are_for_the_student_for_the_teacher_or_for_both(tmp_path: Path) -> None:
    overrides = [
        *("epochs=5", "learning_rate=0.5", "model.filters=[4]", "training.loss=dice"),
        *("teacher.epochs=7", "teacher.model.filters=[8,16]", "teacher.batch_size=2"),
        *("batch_size=4", "dataset.mask_suffix=_mask", "augmentation.shift=0.3", "val_fraction=0.3", "seed=9"),
        *("training.deterministic=false", "model.input_shape=[32,32,3]"),
    ]

    plan = plan_pipeline("synthetic", tmp_path, overrides=overrides)

    assert plan.teacher is not None
    assert (plan.student.epochs, plan.student.learning_rate, plan.student.batch_size) == (5, 0.5, 4)
    assert (plan.teacher.epochs, plan.teacher.learning_rate, plan.teacher.batch_size) == (7, 3e-3, 2)
    assert (plan.student.model.filters, plan.teacher.model.filters) == ((4,), (8, 16))
    assert (plan.student.training.loss, plan.teacher.training.loss) == ("dice", "bce")
    for config in (plan.student, plan.teacher):
        assert (config.dataset.mask_suffix, config.augmentation.shift) == ("_mask", 0.3)
        assert (config.val_fraction, config.seed, config.training.deterministic) == (0.3, 9, False)
        assert config.model.input_shape == (32, 32, 3)


def test_the_teachers_own_override_wins_over_a_flag_for_both(tmp_path: Path) -> None:
    plan = plan_pipeline("synthetic", tmp_path, seed=7, monitor=True, overrides=["teacher.nas.enabled=false"])

    assert plan.teacher is not None
    assert (plan.student.nas.enabled, plan.teacher.nas.enabled) == (True, False)
    assert (plan.student.seed, plan.teacher.seed) == (7, 7)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["epoch=3"], "override 'epoch=3': unknown key 'epoch'; did you mean 'epochs'"),
        (["teacher.epoch=3"], "teacher: override 'epoch=3': unknown key 'epoch'; did you mean 'epochs'"),
        (["teacher_weights=a.keras"], "teacher_weights: to give a trained teacher, use --teacher"),
        (["use_distillation=false"], "use_distillation: the pipeline always distils"),
        (["model_name=nano_v"], "model_name: unknown model 'nano_v'"),
        (["teacher.model_name=nano_v"], "teacher: model_name: unknown model 'nano_v'"),
        (["model.input_shape=[50,64,3]"], "input height 50 is not divisible by 4"),
        (
            ["model.input_shape=[60,80,3]"],
            "teacher: input height 60 is not divisible by 8 (the product of the pool sizes); use 56 or 64; or give it "
            "fewer stages: --set teacher.model.filters=[32,64]",
        ),
        (["model.input_shape=[6,8,3]", "model.filters=[4]"], "fewer stages: --set teacher.model.filters=[32]"),
        (["teacher.model.input_shape=[64,64,3]"], "train both at the same model.input_shape"),
        (["export.probabilities=true"], "export.probabilities: a network that was trained under int8 arithmetic"),
        (["nas.enabled=true", "nas.layers=[nowhere]"], "layers: 'nano_u' has no layer 'nowhere'"),
        (["teacher.nas.enabled=true", "teacher.nas.layers=[nowhere]"], "teacher: layers: 'bu_net' has no layer"),
    ],
)
def test_what_either_training_would_refuse_is_refused_before_the_first(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(NanoUError) as caught:
        plan_pipeline("synthetic", tmp_path / "root", overrides=overrides)

    assert message in str(caught.value)
    assert not (tmp_path / "root").exists()


def test_three_stages_that_do_not_divide_have_a_remedy_that_works(tmp_path: Path) -> None:
    overrides = ["model.input_shape=[60,80,3]", "teacher.model.filters=[32,64]"]

    plan = plan_pipeline("synthetic", tmp_path, overrides=overrides)

    assert plan.teacher is not None
    assert plan.teacher.model.filters == (32, 64)


def test_a_given_teacher_takes_no_settings(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(NanoUError, match=r"teacher\.epochs: the teacher .* is trained already"):
        plan_pipeline("synthetic", tmp_path, teacher=str(tiny_run), overrides=["teacher.epochs=3"])
    with pytest.raises(NanoUError, match=r"--teacher-epochs: the teacher .* is trained already"):
        plan_pipeline("synthetic", tmp_path, teacher=str(tiny_run), teacher_epochs=3)


def test_a_students_place_that_is_taken_is_refused_before_its_teacher_is_trained(
    tiny_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_run, tmp_path / "student")

    with pytest.raises(NanoUError, match="student: holds a finished run; choose another run directory"):
        plan_pipeline("synthetic", tmp_path)


def test_a_student_of_another_teacher_is_trained_afresh(
    tiny_run: Path, data: str, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, student = tmp_path / "teacher.keras", tmp_path / "pipeline" / "student"
    shutil.copy(tiny_run / "best.keras", teacher)
    arguments = ["pipeline", "--data", data, "--run-dir", str(student.parent), "--teacher", str(teacher)]
    arguments += ["--set", *tiny_settings, "epochs=1", "quantization.aware=false"]
    assert main(arguments) == 0
    first = json.loads((student / "provenance.json").read_text())["teacher"]["sha256"]
    save_model(create_nano_u((16, 16, 3), [3], 3), teacher)
    capsys.readouterr()

    assert main(arguments) == 0

    assert "the student finished earlier had another teacher, so it is trained afresh" in capsys.readouterr().err
    second = json.loads((student / "provenance.json").read_text())["teacher"]["sha256"]
    assert second == hashlib.sha256(teacher.read_bytes()).hexdigest() != first


def test_without_test_images_all_is_done_with_validation_images_and_what_is_wrong_is_told_last(
    tiny_run: Path, data: str, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "test")
    shutil.copy(tiny_run / "best.keras", tmp_path / "teacher.keras")
    arguments = ["pipeline", "--data", str(tmp_path / "data"), "--run-dir", str(tmp_path / "pipeline")]
    arguments += ["--teacher", str(tmp_path / "teacher.keras"), "--set", *tiny_settings, "epochs=1"]
    arguments += ["quantization.aware=false", "export.max_iou_drop=0.15"]
    student = tmp_path / "pipeline" / "student"

    assert main(arguments) == 0

    assert [path.name for path in (student / "evaluation").iterdir()] == ["val"]
    assert json.loads((student / "export" / "export.json").read_text())["accuracy"]["split"] == "val"
    report = student / "report.html"

    report.unlink()
    shutil.copy(student / "best.keras", tmp_path / "good.keras")
    write_coarse_model(student / "best.keras")
    assert main(arguments) == 1
    assert "IoU on val, more than the allowed 0.15" in capsys.readouterr().err.splitlines()[-1]
    assert report.is_file()

    report.unlink()
    shutil.copy(tmp_path / "good.keras", student / "best.keras")
    (student / "history.csv").write_text("epoch\nx\n")
    assert main(arguments) == 1
    assert f"{report} was written without what is damaged" in capsys.readouterr().err.splitlines()[-1]
    assert report.is_file()
