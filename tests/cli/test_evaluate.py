from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nano_u.cli.main import main

FILES = {
    "gallery.npz",
    "gallery.png",
    "metrics.json",
    "precision_recall.csv",
    "precision_recall.png",
    "table.txt",
    "threshold_sweep.csv",
    "threshold_sweep.png",
}
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def evaluated(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shared run after `evaluate` on its validation images."""
    run = shutil.copytree(tiny_run, tmp_path_factory.mktemp("evaluated") / "run")
    assert main(["evaluate", str(run), "--split", "val", "--quiet"]) == 0
    return run


def record(folder: Path) -> dict[str, object]:
    """The evaluation in a folder, without what names the model and the data."""
    metrics = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in metrics.items() if key not in ("model", "kind", "split", "data")}


def test_all_tables_and_pictures_are_written(evaluated: Path) -> None:
    folder = evaluated / "evaluation" / "val"

    assert {path.name for path in folder.iterdir()} == FILES
    for picture in folder.glob("*.png"):
        assert picture.read_bytes().startswith(PNG)


def test_a_fresh_evaluation_equals_what_training_recorded(evaluated: Path) -> None:
    assert (
        record(evaluated / "evaluation" / "val") == json.loads((evaluated / "metrics.json").read_text())["validation"]
    )


def test_the_sweep_at_the_threshold_is_the_tables_pooled_row(evaluated: Path) -> None:
    folder = evaluated / "evaluation" / "val"
    rows = list(csv.DictReader((folder / "threshold_sweep.csv").read_text().splitlines()))
    pooled = json.loads((folder / "metrics.json").read_text())["pooled"]["metrics"]

    at_half = {key: float(value) for key, value in next(row for row in rows if row["threshold"] == "0.5").items()}

    assert len(rows) == 101
    assert at_half == pytest.approx({"threshold": 0.5, **pooled}, abs=1e-8)
    row = next(line for line in (folder / "table.txt").read_text().splitlines() if line.startswith("pooled"))
    assert f"{pooled['iou']:.3f}" in row.split()


def test_the_groups_of_a_table_stand_apart_with_their_floor(evaluated: Path) -> None:
    table = (evaluated / "evaluation" / "val" / "table.txt").read_text()
    metrics = record(evaluated / "evaluation" / "val")

    assert [group["name"] for group in metrics["groups"]] == ["valA", "valB"]
    for group in metrics["groups"]:
        row = next(line for line in table.splitlines() if line.startswith(group["name"])).split()
        assert row[1:3] == ["2", f"{group['metrics']['iou']:.3f}"]
        assert f"{group['floor']['iou']:.3f}" in row


def test_json_is_the_evaluation_and_the_threshold_is_used(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = evaluated / "evaluation" / "val" / "threshold_sweep.csv"
    expected = next(row for row in csv.DictReader(sweep.read_text().splitlines()) if row["threshold"] == "0.45")

    code = main(
        ["evaluate", str(evaluated), "--split", "val", "--threshold", "0.45", "--json", "--output-dir", str(tmp_path)]
    )

    result = json.loads(capsys.readouterr().out)
    assert code == 0
    assert result["threshold"] == 0.45
    assert result["pooled"]["metrics"]["iou"] == pytest.approx(float(expected["iou"]), abs=1e-8)
    assert record(tmp_path) == result


def test_a_model_file_outside_a_run_is_evaluated_on_the_data_it_is_given(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(evaluated / "best.keras", tmp_path / "copy.keras"))
    monkeypatch.chdir(tmp_path)

    without_data = main(["evaluate", str(model), "--split", "val"])
    message = capsys.readouterr().err
    code = main(["evaluate", str(model), "--split", "val", "--data", str(evaluated_data(evaluated)), "--quiet"])

    assert (without_data, message.count("\n")) == (2, 1)
    assert "copy.keras: not in a run directory, so --data must name its images and masks" in message
    assert code == 0
    assert record(tmp_path / "evaluation" / "val") == record(evaluated / "evaluation" / "val")


def evaluated_data(run: Path) -> str:
    """The dataset that a run was trained on."""
    from nano_u.config import load_experiment

    data = load_experiment(run / "config.yaml").data
    assert data is not None
    return data


def test_another_file_of_a_run_does_not_replace_the_best_models_evaluation(evaluated: Path) -> None:
    shutil.copy(evaluated / "best.keras", evaluated / "last.keras")

    assert main(["evaluate", str(evaluated / "last.keras"), "--split", "val", "--quiet"]) == 0

    assert {path.name for path in (evaluated / "evaluation").iterdir()} >= {"val", "val-last.keras"}
    assert json.loads((evaluated / "evaluation" / "val" / "metrics.json").read_text())["model"] == "best.keras"


def test_the_record_says_which_images_were_measured_by_the_fingerprints_of_training(evaluated: Path) -> None:
    data = json.loads((evaluated / "evaluation" / "val" / "metrics.json").read_text())["data"]

    assert data == json.loads((evaluated / "provenance.json").read_text())["dataset"]


def test_other_data_does_not_replace_the_evaluation_on_the_runs_own(
    evaluated: Path, tmp_path: Path, make_tiny_dataset: Callable[..., Path]
) -> None:
    other = make_tiny_dataset(tmp_path / "orchard", seed=5)
    before = {path.name: path.read_bytes() for path in (evaluated / "evaluation" / "val").iterdir()}

    assert main(["evaluate", str(evaluated), "--split", "val", "--data", str(other), "--quiet"]) == 0

    assert {path.name: path.read_bytes() for path in (evaluated / "evaluation" / "val").iterdir()} == before
    data = json.loads((evaluated / "evaluation" / "val-orchard" / "metrics.json").read_text())["data"]
    own = json.loads(before["metrics.json"])["data"]
    assert data["source"] == str(other)
    assert data["splits"].keys() == own["splits"].keys()
    assert data["splits"]["val"] != own["splits"]["val"]


@pytest.mark.parametrize("command", ["evaluate", "export", "doctor"])
def test_masks_with_a_suffix_are_found_by_a_setting(
    command: str, evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(evaluated / "best.keras", tmp_path / "copy.keras"))
    data = shutil.copytree(evaluated_data(evaluated), tmp_path / "data")
    for mask in data.glob("*/mask/*.png"):
        mask.rename(mask.with_stem(f"{mask.stem}_mask"))
    arguments = ["doctor", str(data)]
    if command != "doctor":
        arguments = [command, str(model), "--data", str(data), "--output-dir", str(tmp_path / "out"), "--split", "val"]

    assert main(arguments) == 1
    capsys.readouterr()
    assert main([*arguments, "--set", "dataset.mask_suffix=_mask"]) == 0

    if command == "evaluate":
        assert record(tmp_path / "out") == record(evaluated / "evaluation" / "val")


def test_settings_go_on_top_of_those_of_the_run(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(evaluated), "--set", "dataset.mask_sufix=_mask"]) == 2
    assert "unknown key 'dataset.mask_sufix'; did you mean 'mask_suffix'?" in capsys.readouterr().err

    assert main(["evaluate", str(evaluated), "--set", "dataset.mask_suffix=_mask", "--output-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_data_without_training_images_gives_a_table_without_floor(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(Path(evaluated_data(evaluated)) / "val", tmp_path / "data" / "test")

    code = main(["evaluate", str(evaluated), "--data", str(tmp_path / "data"), "--output-dir", str(tmp_path / "out")])

    assert code == 0
    assert "No training masks were given, so there is no floor to compare with." in capsys.readouterr().out
    metrics, with_floor = record(tmp_path / "out"), record(evaluated / "evaluation" / "val")
    assert metrics["pooled"]["floor"] is None
    assert metrics["pooled"]["metrics"] == with_floor["pooled"]["metrics"]


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--split", "dev"], "no images in split 'dev'; this dataset has: train, val, test", 1),
        (["--threshold", "1.5"], "threshold must be a probability in [0, 1], got 1.5", 2),
        (["--data", "gone"], "gone: no such folder", 1),
    ],
)
def test_what_cannot_be_evaluated_is_one_line_and_leaves_the_earlier_files(
    evaluated: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, code: int
) -> None:
    before = {path: path.read_bytes() for path in (evaluated / "evaluation").rglob("*") if path.is_file()}

    assert main(["evaluate", str(evaluated), "--split", "val", *arguments]) == code

    assert capsys.readouterr().err == f"nano-u: error: {message}\n"
    assert {path: path.read_bytes() for path in (evaluated / "evaluation").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"", "model.onnx: neither a run directory nor a .keras, .h5, .tflite file"),
        ("gone.keras", None, "gone.keras: no such model file"),
        ("torn.keras", b"PK\x03\x04torn", "torn.keras: cannot be read as a Keras model: "),
        ("gone", None, "gone: no such run directory"),
    ],
)
def test_what_is_no_model_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    assert main(["evaluate", str(tmp_path / name), "--data", "synthetic"]) == 1

    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1
