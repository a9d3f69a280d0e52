from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.html.small_certificate import small_certificate
from tests.reporting.html.small_run import EPOCHS, refine_small_run, small_network

from nano_u.config import QuantizationConfig, ThresholdsConfig
from nano_u.errors import RunError
from nano_u.evaluation import Evaluation, load_gallery
from nano_u.reporting.export_tables import ExportSizes
from nano_u.reporting.html.run_files import read_run_files

Damage = Callable[[dict[str, Any]], object]


def rewrite(path: Path, change: Damage) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_a_complete_run_is_read_whole(run: Path) -> None:
    files = read_run_files(run)

    assert files.problems == {}
    assert files.is_run
    assert files.config_text == (run / "config.yaml").read_text()
    assert files.provenance == json.loads((run / "provenance.json").read_text())
    assert files.history is not None
    assert files.history.epochs == tuple(range(1, EPOCHS + 1))
    assert files.architecture == small_network()
    assert files.monitored is not None
    assert [step.epoch for step in files.monitored.steps] == list(range(1, EPOCHS + 1))
    (evaluated,) = files.evaluated
    record = json.loads((run / "evaluation/test/metrics.json").read_text())
    assert (evaluated.name, evaluated.evaluation) == ("test", Evaluation.from_dict(record))
    assert evaluated.gallery is not None
    assert len(evaluated.gallery.images) == len(load_gallery(run / "evaluation/test/gallery.npz").images)
    assert files.validation == evaluated.evaluation
    assert files.exported is not None
    assert files.exported.sizes == ExportSizes(44_832, 17_115, 196_608, 208_080, ("CONV_2D", "CONV_2D", "MAX_POOL_2D"))
    assert files.exported.split == "test"
    assert files.exported.float_evaluation == evaluated.evaluation
    assert files.exported.int8_evaluation is not None
    assert files.exported.int8_evaluation.pooled.metrics.iou != evaluated.evaluation.pooled.metrics.iou
    assert files.certificate == small_certificate()


def test_the_thresholds_are_those_of_the_run(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(re.sub(r"high_redundancy: [\d.]+", "high_redundancy: 0.9", text))

    assert read_run_files(run).thresholds == ThresholdsConfig(high_redundancy=0.9)


def test_a_run_that_has_only_begun_has_empty_parts_and_no_problem(tmp_path: Path, run: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    shutil.copy(run / "config.yaml", begun)

    files = read_run_files(begun)

    assert files.problems == {}
    assert files.is_run
    parts = (files.provenance, files.metrics, files.validation, files.history, files.architecture, files.monitored)
    assert parts == (None,) * 6
    assert (files.evaluated, files.exported, files.certificate) == ((), None, None)


def test_a_folder_of_a_monitors_files_is_enough(run: Path) -> None:
    files = read_run_files(run / "nas")

    assert files.monitored is not None
    assert len(files.monitored.steps) == EPOCHS
    assert files.architecture == small_network()
    assert not files.is_run
    assert files.config_text is None


@pytest.mark.parametrize(
    ("name", "remedy"), [("nowhere", "no such run directory"), ("empty", "no metrics CSV of a monitor in it")]
)
def test_what_is_no_run_is_refused_by_name(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(RunError, match=rf"^{re.escape(str(tmp_path / name))}: {remedy}"):
        read_run_files(tmp_path / name)


DAMAGED = [
    ("config.yaml", "configuration", {"configuration"}),
    ("provenance.json", "provenance", {"provenance"}),
    ("metrics.json", "metrics", {"metrics", "validation"}),
    ("history.csv", "learning curves", {"history"}),
    ("graph.json", "architecture", {"architecture"}),
    ("nas/nano_u_nas_metrics.csv", "redundancy", {"monitored"}),
    ("nas/nano_u_nas_correlations.npz", "redundancy", {"monitored"}),
    ("evaluation/test/metrics.json", "evaluation test", {"evaluated"}),
    ("evaluation/test/gallery.npz", "gallery test", {"gallery"}),
    ("export/export.json", "int8 model", {"exported"}),
    ("export/certificate.json", "certificate", {"certificate"}),
]


@pytest.mark.parametrize("content", [b"", b"{]\xff", b"\0" * 50, b"[1]"], ids=["empty", "garbage", "zeros", "list"])
@pytest.mark.parametrize(("name", "part", "lost"), DAMAGED, ids=[name for name, _, _ in DAMAGED])
def test_a_damaged_file_is_named_and_everything_else_is_read(
    run: Path, name: str, part: str, lost: set[str], content: bytes
) -> None:
    (run / name).write_bytes(content)

    files = read_run_files(run)

    assert set(files.problems) == {part}
    assert name.rpartition("/")[2] in files.problems[part]
    assert "\n" not in files.problems[part]
    found = {
        "provenance": files.provenance,
        "metrics": files.metrics,
        "validation": files.validation,
        "history": files.history,
        "architecture": files.architecture,
        "monitored": files.monitored,
        "evaluated": files.evaluated,
        "gallery": files.evaluated and files.evaluated[0].gallery,
        "exported": files.exported,
        "certificate": files.certificate,
    }
    missing = {key for key, value in found.items() if not value}
    assert missing | {"configuration", "gallery"} == lost | {"configuration", "gallery"}
    assert (files.config_text is None) == (name == "config.yaml")


RECORDS: list[tuple[str, Damage, str, str]] = [
    ("metrics.json", lambda record: record.update(validation=[1]), "metrics", "validation: not an evaluation"),
    ("metrics.json", lambda record: record["validation"].pop("pooled"), "metrics", r"pooled: .*required"),
    (
        "evaluation/test/metrics.json",
        lambda record: record["pooled"]["metrics"].update(iou="high"),
        "evaluation test",
        r"pooled\.metrics\.iou: .*number",
    ),
    ("export/export.json", lambda record: record.pop("summary"), "int8 model", "'summary'"),
    ("export/export.json", lambda record: record.update(summary=3), "int8 model", "not the record of an export"),
    (
        "export/export.json",
        lambda record: record["verification"].update(arena_bytes="much"),
        "int8 model",
        "not the record of an export",
    ),
    ("export/export.json", lambda record: record.update(accuracy=[1]), "accuracy of the int8 model", "needs split"),
    (
        "export/export.json",
        lambda record: record["accuracy"].pop("int8"),
        "accuracy of the int8 model",
        "needs split, float and int8",
    ),
    (
        "export/export.json",
        lambda record: record["accuracy"]["int8"]["groups"].pop(),
        "accuracy of the int8 model",
        "of different images",
    ),
    ("export/certificate.json", lambda record: record.pop("memory"), "certificate", r"this version \(memory\)"),
    (
        "export/certificate.json",
        lambda record: record["witnesses"][2].update(sha256=None),
        "certificate",
        r"witnesses\.2 needs outputs",
    ),
    (
        "export/certificate.json",
        lambda record: record["files_sha256"].update({"model.tflite": "0" * 64}),
        "certificate",
        "is of another model than the one exported last",
    ),
]


@pytest.mark.parametrize(("name", "damage", "part", "message"), RECORDS)
def test_a_record_that_lacks_something_is_a_problem_of_its_part(
    run: Path, name: str, damage: Damage, part: str, message: str
) -> None:
    rewrite(run / name, damage)

    problems = read_run_files(run).problems

    assert set(problems) == {part}
    assert re.search(message, problems[part])
    assert problems[part].startswith(str(run / name))
    assert problems[part].endswith("again")


def test_an_export_without_verification_or_accuracy_is_no_damage(run: Path) -> None:
    rewrite(run / "export/export.json", lambda record: record.update(verification=None, accuracy=None))

    files = read_run_files(run)

    assert files.problems == {}
    assert files.exported is not None
    assert files.exported.sizes is not None
    assert files.exported.sizes.arena_bytes is None
    assert (files.exported.float_evaluation, files.exported.int8_evaluation) == (None, None)


def test_the_certificate_of_a_model_whose_record_is_damaged_is_still_shown(run: Path) -> None:
    (run / "export/export.json").write_text("{")

    assert read_run_files(run).certificate == small_certificate()


def test_a_folder_in_the_place_of_a_file_is_a_problem_of_its_part(run: Path) -> None:
    (run / "nas" / "nano_u_nas_metrics.csv").unlink()
    (run / "nas" / "nano_u_nas_metrics.csv").mkdir()

    assert set(read_run_files(run).problems) == {"redundancy"}


def test_metrics_of_a_name_that_the_user_gave_are_found(run: Path) -> None:
    (run / "nas/nano_u_nas_metrics.csv").rename(run / "nas/mine.csv")
    (run / "nas/nano_u_nas_run.json").rename(run / "nas/mine_run.json")

    files = read_run_files(run)

    assert files.monitored is not None
    assert files.monitored.metrics_path == run / "nas/mine.csv"
    assert files.problems == {}


def test_what_int8_training_and_the_teacher_left_is_read(run: Path) -> None:
    refine_small_run(run)
    metrics = json.loads((run / "metrics.json").read_text())

    files = read_run_files(run)

    assert files.problems == {}
    assert files.int8_history is not None
    assert files.int8_history.epochs == (1, 2, 3)
    assert files.int8_validation == Evaluation.from_dict(metrics["quantization_aware"]["validation"])
    assert files.teacher_validation == Evaluation.from_dict(metrics["teacher"])
    assert files.quantization == QuantizationConfig(aware=True)


def test_int8_training_without_validation_images_is_no_damage(run: Path) -> None:
    refine_small_run(run)
    rewrite(run / "metrics.json", lambda record: record["quantization_aware"].update(validation=None))

    files = read_run_files(run)

    assert (files.int8_validation, files.problems) == (None, {})


@pytest.mark.parametrize(
    ("damage", "part", "message"),
    [
        (lambda record: record.update(teacher=[1]), "metrics of the teacher", "teacher: not an evaluation"),
        (
            lambda record: record.update(quantization_aware=3),
            "metrics under int8 arithmetic",
            "quantization_aware: holds no validation",
        ),
        (
            lambda record: record["quantization_aware"]["validation"].pop("pooled"),
            "metrics under int8 arithmetic",
            "quantization_aware.validation: not an evaluation",
        ),
    ],
)
def test_damage_of_int8_training_or_teacher_costs_that_alone(
    run: Path, damage: Damage, part: str, message: str
) -> None:
    refine_small_run(run)
    rewrite(run / "metrics.json", damage)

    files = read_run_files(run)

    assert set(files.problems) == {part}
    assert f"metrics.json: {message}" in files.problems[part]
    assert files.validation is not None


UNREADABLE = Path("/proc/self/mem")


@pytest.mark.skipif(not UNREADABLE.exists(), reason="/proc is absent: there is no file that root cannot read")
def test_a_file_that_the_system_cannot_read_is_a_problem_of_its_part(run: Path) -> None:
    (run / "history.csv").unlink()
    (run / "history.csv").symlink_to(UNREADABLE)

    files = read_run_files(run)

    assert files.problems == {"learning curves": f"{run}: Input/output error"}
    assert files.evaluated


def test_the_test_split_comes_first_and_each_folder_is_an_evaluation(run: Path) -> None:
    for name in ("val", "test-int8", "a"):
        shutil.copytree(run / "evaluation" / "test", run / "evaluation" / name)

    assert [entry.name for entry in read_run_files(run).evaluated] == ["test", "a", "test-int8", "val"]
