from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.cli.coarse_model import write_coarse_model

from nano_u.cli.main import main
from nano_u.deploy import micro_available

NAMES = ("model", "kind", "split", "data")
WITHOUT_NANO_U = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nano_u":
            raise ImportError("nano_u cannot be imported here")
sys.meta_path.insert(0, Refuse())
import keras, numpy
model = keras.saving.load_model(sys.argv[1])
numpy.save(sys.argv[3], keras.ops.convert_to_numpy(model(numpy.load(sys.argv[2]), training=False)))
assert "nano_u" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shared run after `export --keras`."""
    run = shutil.copytree(tiny_run, tmp_path_factory.mktemp("exported") / "run")
    assert main(["export", str(run), "--keras", "--quiet"]) == 0
    return run


def read(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def evaluation(folder: Path) -> dict[str, object]:
    """The evaluation in a folder, without what names the model and the data."""
    return {key: value for key, value in read(folder / "metrics.json").items() if key not in NAMES}


def test_an_export_holds_its_files_and_the_record_describes_the_model(exported: Path) -> None:
    folder = exported / "export"
    tflite = (folder / "model.tflite").read_bytes()
    record = read(folder / "export.json")

    assert {path.name for path in folder.iterdir()} == {"accuracy.txt", "export.json", "model.tflite", "stock.keras"}
    assert record["sha256"] == hashlib.sha256(tflite).hexdigest()
    assert record["summary"]["file_bytes"] == len(tflite)
    assert (record["input_shape"], record["output_shape"]) == ([1, 16, 16, 3], [1, 16, 16, 1])
    assert (record["output_kind"], record["calibration_images"]) == ("logit", 12)
    assert record["float_model"] == "best.keras"
    assert set(record["summary"]["operators"]) == {
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "MAX_POOL_2D",
        "RESIZE_NEAREST_NEIGHBOR",
    }


@pytest.mark.skipif(not micro_available(), reason="the extra [mcu] is not installed")
def test_the_output_equals_tensorflow_lite_micros_and_its_arena_is_recorded(exported: Path) -> None:
    record = read(exported / "export" / "export.json")

    assert record["verification"]["equal_to_micro"] is True
    assert record["verification"]["images"] == 4
    assert record["verification"]["arena_bytes"] > record["summary"]["peak_activation_bytes"]


def test_the_accuracies_of_an_export_are_those_that_evaluate_gives(exported: Path) -> None:
    recorded = read(exported / "export" / "export.json")["accuracy"]

    assert main(["evaluate", str(exported), "--quiet"]) == 0
    assert main(["evaluate", str(exported / "export" / "model.tflite"), "--quiet"]) == 0

    assert recorded["split"] == "test"
    assert recorded["float"] == evaluation(exported / "evaluation" / "test")
    assert recorded["int8"] == evaluation(exported / "evaluation" / "test-int8")
    drop = recorded["float"]["pooled"]["metrics"]["iou"] - recorded["int8"]["pooled"]["metrics"]["iou"]
    assert recorded["iou_drop"] == pytest.approx(drop)
    assert abs(drop) < 0.05


def test_stock_keras_loads_where_nano_u_cannot_be_imported(exported: Path, tmp_path: Path) -> None:
    from nano_u.models import load_model

    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    np.save(tmp_path / "images.npy", images)
    files = [exported / "export" / "stock.keras", tmp_path / "images.npy", tmp_path / "logits.npy"]

    subprocess.run([sys.executable, "-c", WITHOUT_NANO_U, *map(str, files)], check=True, capture_output=True)

    ours = load_model(exported / "best.keras")(images, training=False)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), ours, rtol=0, atol=1e-5)


def test_probabilities_end_in_one_logistic(exported: Path, tmp_path: Path) -> None:
    assert main(["export", str(exported), "--probabilities", "--output-dir", str(tmp_path), "--quiet"]) == 0

    record, logits = read(tmp_path / "export.json"), read(exported / "export" / "export.json")
    assert record["output_kind"] == "probability"
    assert record["summary"]["operators"] == [*logits["summary"]["operators"], "LOGISTIC"]
    assert record["accuracy"]["float"] == logits["accuracy"]["float"]


@pytest.fixture
def coarse_model(tmp_path: Path) -> Path:
    return write_coarse_model(tmp_path / "coarse.keras")


def test_too_large_a_drop_fails_after_everything_is_written(
    coarse_model: Path, tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "export"
    arguments = ["export", str(coarse_model), "--data", str(tiny_dataset), "--output-dir", str(folder)]

    code = main([*arguments, "--max-iou-drop", "0.01", "--quiet"])

    drop = read(folder / "export.json")["accuracy"]["iou_drop"]
    assert code == 1
    assert drop > 0.2
    assert capsys.readouterr().err == (
        f"nano-u: error: {folder / 'model.tflite'}: int8 loses {drop:.4f} IoU on test, more than the allowed 0.01\n"
    )
    assert {path.name for path in folder.iterdir()} == {"accuracy.txt", "export.json", "model.tflite"}


def test_other_data_does_not_replace_the_export_of_the_runs_own(
    exported: Path, tmp_path: Path, make_tiny_dataset: Callable[..., Path]
) -> None:
    other = make_tiny_dataset(tmp_path / "orchard", seed=5)
    before = {path.name: path.read_bytes() for path in (exported / "export").iterdir()}

    assert main(["export", str(exported), "--data", str(other), "--quiet"]) == 0
    assert main(["evaluate", str(exported / "export-orchard" / "model.tflite"), "--quiet"]) == 0

    assert {path.name: path.read_bytes() for path in (exported / "export").iterdir()} == before
    data = read(exported / "export-orchard" / "export.json")["data"]
    own = read(exported / "export" / "export.json")["data"]
    assert (data["source"], own) == (str(other), read(exported / "provenance.json")["dataset"])
    assert data["splits"]["train"]["sha256"] != own["splits"]["train"]["sha256"]
    assert (exported / "evaluation" / "test-export-orchard-model.tflite").is_dir()


def test_a_drop_within_the_gate_passes(exported: Path, tmp_path: Path) -> None:
    arguments = ["export", str(exported), "--output-dir", str(tmp_path), "--quiet"]

    assert main([*arguments, "--max-iou-drop", "0.5"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--calibration-images", "0"], "int8 conversion needs at least one real calibration image, got 0", 1),
        (["--max-iou-drop", "nan"], "max_iou_drop must lie in [0, 1], got nan", 2),
        (["--split", "dev"], "no images in split 'dev'; this dataset has: train, val, test", 1),
        (["--data", "gone"], "gone: no such folder", 1),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_leaves_the_earlier_export(
    exported: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, code: int
) -> None:
    before = {path.name: path.read_bytes() for path in (exported / "export").iterdir()}

    assert main(["export", str(exported), *arguments]) == code

    assert capsys.readouterr().err == f"nano-u: error: {message}\n"
    assert {path.name: path.read_bytes() for path in (exported / "export").iterdir()} == before


def test_without_training_images_there_is_nothing_to_calibrate_on(
    exported: Path, tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "val"):
        shutil.rmtree(tiny_dataset / split)

    code = main(["export", str(exported), "--data", str(tiny_dataset), "--output-dir", str(tmp_path / "out")])

    assert code == 1
    assert capsys.readouterr().err == "nano-u: error: no images in split 'train'; this dataset has: test\n"
    assert not (tmp_path / "out").exists()


def test_an_int8_model_is_not_exported_again(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = exported / "export" / "model.tflite"

    assert main(["export", str(model)]) == 1
    assert capsys.readouterr().err == (
        f"nano-u: error: {model}: already int8; export takes a run directory or a .keras file\n"
    )


def test_the_threshold_can_be_chosen_on_validation_images_and_is_kept_in_the_record(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tiny_run), "--choose-threshold", "--output-dir", str(tmp_path / "e")]) == 0

    record = json.loads((tmp_path / "e" / "export.json").read_text())
    chosen = record["probability_threshold"]
    assert record["threshold_chosen_on"] == "val"
    assert f"threshold {chosen:g}, int8 value {record['int8_threshold']}" in capsys.readouterr().out
    sweep = ["evaluate", str(tmp_path / "e" / "model.tflite"), "--split", "val", "--output-dir", str(tmp_path / "s")]
    assert main([*sweep, "--data", json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]]) == 0
    rows = list(csv.DictReader((tmp_path / "s" / "threshold_sweep.csv").read_text().splitlines()))
    best = max(float(row["iou"]) for row in rows if row["iou"])
    assert next(float(row["iou"]) for row in rows if float(row["threshold"]) == chosen) == best


def test_a_threshold_is_not_chosen_on_the_images_it_is_judged_on(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(tiny_run), "--choose-threshold", "--split", "val", "--output-dir", str(tmp_path / "e")]

    assert main(arguments) == 2

    assert "choose_threshold: needs val images beside the val images" in capsys.readouterr().err


def test_a_threshold_is_given_or_chosen_not_both(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tiny_run), "--threshold", "0.5", "--choose-threshold"]) == 2

    assert capsys.readouterr().err == "nano-u: error: threshold (0.5) and choose_threshold: give one of them\n"


@pytest.fixture
def inverted_model(tmp_path: Path) -> Path:
    """A network that is sure of the opposite: no threshold serves better than 0, which makes everything foreground."""
    import keras

    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="logits")(image), name="inverted")
    model.get_layer("logits").set_weights([np.full((1, 1, 3, 1), -100 / 3), np.array([49.0])])
    model.save(tmp_path / "inverted.keras")
    return tmp_path / "inverted.keras"


def test_a_threshold_is_chosen_strictly_between_0_and_1(
    inverted_model: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    arguments = ["export", str(inverted_model), "--data", str(tiny_dataset), "--output-dir", str(tmp_path / "e")]

    assert main([*arguments, "--choose-threshold", "--quiet"]) == 0

    assert read(tmp_path / "e" / "export.json")["probability_threshold"] == 0.5


def test_what_an_earlier_export_wrote_on_request_does_not_stay_beside_a_new_model(
    tiny_run: Path, tmp_path: Path
) -> None:
    arguments = ["export", str(tiny_run), "--quiet", "--output-dir", str(tmp_path)]
    always = {"accuracy.txt", "export.json", "model.tflite"}
    asked = {"sensitivity.csv", "sensitivity.txt", "stock.keras"}
    (tmp_path / "notes.txt").write_text("mine")

    assert main([*arguments, "--keras", "--sensitivity"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == always | asked | {"notes.txt"}
    assert main(arguments) == 0

    assert {path.name for path in tmp_path.iterdir()} == always | {"notes.txt"}


def test_the_exported_model_itself_and_files_of_no_export_stay(
    exported: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported / "export", tmp_path / "again")
    stock = tmp_path / "again" / "stock.keras"
    (tmp_path / "again" / "sensitivity.csv").write_text("of the earlier model")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sensitivity.csv").write_text("mine")

    for folder in ("again", "other"):
        folder_arguments = ["--data", str(tiny_dataset), "--output-dir", str(tmp_path / folder)]
        assert main(["export", str(stock), "--quiet", *folder_arguments]) == 0

    assert {path.name for path in stock.parent.iterdir()} == {
        *("accuracy.txt", "export.json", "model.tflite", "stock.keras")
    }
    assert (tmp_path / "other" / "sensitivity.csv").read_text() == "mine"
