from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nano_u.cli.main import main
from nano_u.deploy import ReferenceModel, list_operators
from nano_u.models import architecture_of, load_model
from nano_u.quantization import run_integer
from nano_u.training.quantization_aware_model import carry_back
from nano_u.training.trained_int8 import trained_int8


@pytest.fixture(scope="module")
def qat_run(tiny_run: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went on under int8 arithmetic, and its export."""
    run = tmp_path_factory.mktemp("qat") / "run"
    data = json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]
    settings = (*tiny_settings, "quantization.epochs=2")
    assert main(["train", "--quiet", "--data", data, "--run-dir", str(run), "--qat", "--set", *settings]) == 0
    assert main(["export", "--quiet", str(run)]) == 0
    return run


def test_training_goes_on_under_int8_arithmetic_and_keeps_both_networks(
    qat_run: Path, tiny_run: Path, tmp_path: Path
) -> None:
    metrics = json.loads((qat_run / "metrics.json").read_text())

    assert metrics["quantization_aware"]["epochs"] == 2
    evaluate = ["evaluate", str(qat_run / "qat.keras"), "--split", "val", "--output-dir", str(tmp_path), "--quiet"]
    assert main(evaluate) == 0
    written = json.loads((tmp_path / "metrics.json").read_text())
    validation = metrics["quantization_aware"]["validation"]
    assert validation == {key: written[key] for key in validation}
    assert len((qat_run / "history_qat.csv").read_text().splitlines()) == 1 + 2
    own, other = (load_model(run / "best.keras").get_weights() for run in (qat_run, tiny_run))
    assert all(np.array_equal(one, two) for one, two in zip(own, other, strict=True))  # the float part is the same


def test_the_export_is_the_trained_network_and_computes_what_training_simulated(qat_run: Path) -> None:
    tflite = (qat_run / "export" / "model.tflite").read_bytes()
    record = json.loads((qat_run / "export" / "export.json").read_text())
    aware = load_model(qat_run / "qat.keras")

    assert "QUANTIZE" not in list_operators(tflite)
    assert record["calibration_images"] == 0
    assert record["verification"]["equal_to_micro"] in (True, None)
    graph = trained_int8(aware, architecture_of(load_model(qat_run / "best.keras")))
    images = np.random.default_rng(0).integers(-128, 128, (8, 16, 16, 3)).astype(np.int8)
    np.testing.assert_array_equal(ReferenceModel(tflite).predict_int8(images), run_integer(graph, images))
    reals = (images.astype(np.float32) + 128) / 255
    simulated, computed = np.asarray(aware(reals)), ReferenceModel(tflite).predict(reals)
    assert np.corrcoef(simulated.ravel(), computed.ravel())[0, 1] > 0.98  # a step of rounding a layer adds up


def test_a_quantisation_aware_model_is_evaluated_like_any_other(
    qat_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(qat_run / "qat.keras"), "--output-dir", str(tmp_path / "e")]) == 0

    assert "Accuracy on test" in capsys.readouterr().out


def test_from_the_first_epoch_there_is_one_training_and_both_networks_have_its_weights(
    tiny_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path
) -> None:
    data = json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]
    run = tmp_path / "run"
    arguments = ["train", "--quiet", "--data", data, "--run-dir", str(run), "--qat", "--set", *tiny_settings]

    assert main([*arguments, "quantization.from_first_epoch=true"]) == 0

    assert len((run / "history.csv").read_text().splitlines()) == 1 + 2
    assert not (run / "history_qat.csv").exists()
    model, copy = load_model(run / "best.keras"), load_model(run / "best.keras")
    copy.set_weights([np.zeros_like(weight) for weight in copy.get_weights()])
    carry_back(load_model(run / "qat.keras"), copy)
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    np.testing.assert_array_equal(model(images), copy(images))
    assert np.ptp(model(images)) > 0


def test_from_the_first_epoch_cannot_be_monitored(
    tiny_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--data", str(tmp_path), "--qat", "--enable-nas", "--set", *tiny_settings]

    assert main([*arguments, "quantization.from_first_epoch=true"]) == 2

    assert "the monitor looks at float networks" in capsys.readouterr().err


def test_probabilities_cannot_be_exported_from_it(qat_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(qat_run), "--probabilities"]) == 2

    assert "a quantisation-aware run exports logits" in capsys.readouterr().err


def test_sensitivity_names_every_layer_and_compares_with_the_weights_that_were_trained(
    qat_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "export"

    assert main(["export", str(qat_run), "--sensitivity", "--output-dir", str(folder)]) == 0

    assert "Sensitivity to int8, 4 images, worst layer first" in capsys.readouterr().out
    rows = list(csv.DictReader((folder / "sensitivity.csv").read_text().splitlines()))
    names = {row["layer"] for row in rows}
    assert {"encoder1_block1_depthwise", "bottleneck_block1_pointwise", "logits"} <= names
    first = next(row for row in rows if row["layer"] == "encoder1_block1_depthwise")
    assert float(first["own_db"]) > 25  # against the float best model, whose weights are others, it would be far less


def test_the_float_side_of_an_export_is_the_trained_network_without_rounding(qat_run: Path, tmp_path: Path) -> None:
    record = json.loads((qat_run / "export" / "export.json").read_text())
    unrounded = load_model(qat_run / "best.keras")
    carry_back(load_model(qat_run / "qat.keras"), unrounded)
    unrounded.save(tmp_path / "unrounded.keras")
    data = json.loads((qat_run / "provenance.json").read_text())["dataset"]["source"]

    evaluate = ["evaluate", str(tmp_path / "unrounded.keras"), "--data", data, "--quiet"]
    assert main([*evaluate, "--output-dir", str(tmp_path / "e")]) == 0
    assert main(["evaluate", str(qat_run), "--output-dir", str(tmp_path / "best"), "--quiet"]) == 0

    assert record["float_model"] == "qat.keras, not rounded"
    told = record["accuracy"]["float"]["pooled"]["metrics"]
    assert told == json.loads((tmp_path / "e" / "metrics.json").read_text())["pooled"]["metrics"]
    assert told != json.loads((tmp_path / "best" / "metrics.json").read_text())["pooled"]["metrics"]


def test_an_export_of_trained_ranges_needs_no_training_images(qat_run: Path, tmp_path: Path) -> None:
    data = Path(json.loads((qat_run / "provenance.json").read_text())["dataset"]["source"])
    shutil.copytree(data / "test", tmp_path / "field" / "test")
    arguments = ["export", str(qat_run), "--data", str(tmp_path / "field"), "--output-dir", str(tmp_path / "e")]

    assert main([*arguments, "--quiet"]) == 0

    exported, own = (path / "model.tflite" for path in (tmp_path / "e", qat_run / "export"))
    assert exported.read_bytes() == own.read_bytes()


@pytest.mark.parametrize(
    ("model", "options", "message", "code"),
    [
        ("", ["--calibration-images", "5"], "calibration_images: the ranges of a quantisation-aware run are those", 2),
        ("qat.keras", [], "export the run directory", 1),
    ],
)
def test_what_a_run_with_trained_ranges_cannot_export_is_refused(
    qat_run: Path, capsys: pytest.CaptureFixture[str], model: str, options: list[str], message: str, code: int
) -> None:
    assert main(["export", str(qat_run / model), *options]) == code

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert str(qat_run) in error or options


def test_int8_arithmetic_with_probabilities_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(tmp_path), "--qat", "--set", "export.probabilities=true"]) == 2

    assert "export.probabilities: a network that was trained under int8 arithmetic" in capsys.readouterr().err
