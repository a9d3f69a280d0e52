from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.cli.main import main
from nano_u.graph import summarise
from nano_u.models import architecture_of, load_model

QUICK = ("--tuning-epochs", "0", "--final-epochs", "0")


def data_of(run: Path) -> str:
    return str(json.loads((run / "provenance.json").read_text())["dataset"]["source"])


def test_shrink_ends_with_a_run_that_evaluate_export_and_report_take(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = summarise(architecture_of(load_model(tiny_run / "best.keras")))
    run = str(tmp_path / "small")
    arguments = ("--budget", f"params={before.parameters - 1}", "--target", "rp2040", "--max-iou-drop", "1")

    assert main(["shrink", str(tiny_run), *arguments, *QUICK, "--run-dir", run]) == 0

    out = capsys.readouterr().out
    assert "Shrinking of small" in out
    assert "Test images, looked at once" in out
    assert summarise(architecture_of(load_model(tmp_path / "small" / "best.keras"))).parameters < before.parameters
    assert main(["evaluate", run, "--quiet"]) == 0
    assert main(["export", run, "--quiet"]) == 0
    assert main(["report", run, "--quiet"]) == 0
    page = (tmp_path / "small" / "report.html").read_text()
    assert '<h2 id="shrinking">Shrinking</h2>' in page
    assert "start" in page


def test_an_unmet_budget_is_an_error_with_its_numbers(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--budget", "ram=1KB", "--max-iou-drop", "1", "--steps", "1", *QUICK)

    assert main(["shrink", str(tiny_run), *arguments, "--run-dir", str(tmp_path / "small")]) == 1

    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the budget is not met: ram " in message
    assert "of 1,024 bytes" in message
    assert (tmp_path / "small" / "best.keras").is_file()


def test_a_dry_run_lists_cuts_and_what_is_left_whole(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["shrink", str(tiny_run), "--dry-run"]) == 0

    captured = capsys.readouterr()
    assert "bottleneck_block1_pointwise: 3 -> 2 filters" in captured.out
    assert "logits: left whole; they are an output of the network" in captured.out + captured.err
    assert not list(tmp_path.iterdir())


def test_a_users_own_network_is_analyzed_and_shrunk(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3), name="photo")
    wide = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    wide = keras.layers.ReLU()(keras.layers.BatchNormalization()(wide))
    deep = keras.layers.SeparableConv2D(4, 3, padding="same", activation="relu", name="mixer")(wide)
    summed = keras.layers.Add(name="sum")([wide, deep])
    up = keras.layers.Conv2DTranspose(4, 2, strides=2, padding="same", activation="relu", name="up")(summed)
    keras.Model(image, keras.layers.Conv2D(1, 1, name="mask")(up), name="mine").save(tmp_path / "mine.keras")
    data = ("--data", data_of(tiny_run), "--set", "batch_size=4", "augmentation.enabled=false")

    assert main(["analyze", str(tmp_path / "mine.keras"), *data, "--quiet"]) == 0
    assert main(["shrink", str(tmp_path / "mine.keras"), *data, "--max-iou-drop", "1", "--steps", "2", *QUICK]) == 0

    small = load_model(tmp_path / "mine-shrunk" / "best.keras")
    steps = json.loads((tmp_path / "mine-shrunk" / "shrink.json").read_text())["steps"]
    assert {step["group"] for step in steps if step["group"]} <= {"stem", "mixer", "up"}
    assert small.get_layer("stem").filters == small.get_layer("mixer").filters  # they are added
    assert small.count_params() < load_model(tmp_path / "mine.keras").count_params()
    assert np.isfinite(small.predict(np.zeros((1, 16, 16, 3), np.float32), verbose=0)).all()


def test_a_shrunken_network_can_be_trained_for_int8_and_its_export_keeps_the_trained_ranges(
    tiny_run: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    fast = ("--steps", "1", "--tuning-epochs", "0", "--final-epochs", "0", "--max-iou-drop", "1")

    assert (
        main(["shrink", str(tiny_run), "--run-dir", str(small), *fast, "--qat", "--set", "quantization.epochs=1"]) == 0
    )
    assert main(["export", str(small)]) == 0

    assert json.loads((small / "metrics.json").read_text())["quantization_aware"]["epochs"] == 1
    assert json.loads((small / "export" / "export.json").read_text())["calibration_images"] == 0


def test_fine_tuning_listens_to_a_teacher(tiny_run: Path, tmp_path: Path) -> None:
    arguments = ("--max-iou-drop", "1", "--steps", "1", "--tuning-epochs", "1", "--final-epochs", "0", "--lr", "0.05")
    teacher = Path(shutil.copytree(tiny_run, tmp_path / "teacher"))
    runs = {"alone": (), "taught": ("--teacher", str(teacher))}

    for name, more in runs.items():
        assert main(["shrink", str(tiny_run), *arguments, *more, "--quiet", "--run-dir", str(tmp_path / name)]) == 0

    provenance = {name: json.loads((tmp_path / name / "provenance.json").read_text()) for name in runs}
    assert "teacher" not in provenance["alone"]
    assert provenance["taught"]["teacher"]["path"] == str(teacher / "best.keras")
    assert list((teacher / "soft_targets").glob("*.npy"))  # it was asked, about training and validation images


def test_layers_of_ones_own_are_imported(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_layer_of_shrink.py").write_text(
        "import keras\n\n\n"
        "@keras.saving.register_keras_serializable('own')\n"
        "class Doubled(keras.layers.Layer):\n"
        "    def call(self, inputs):\n        return 2 * inputs\n"
    )
    source = (
        "import sys; sys.path.insert(0, '.')\nimport keras, own_layer_of_shrink as own\n"
        "x = keras.Input((16, 16, 3))\n"
        "y = keras.layers.Conv2D(4, 1, activation='relu', name='first')(x)\n"
        "y = keras.layers.Conv2D(4, 1, activation='relu', name='second')(y)\n"
        "keras.Model(x, keras.layers.Conv2D(1, 1)(own.Doubled(name='twice')(y))).save('own.keras')\n"
    )
    exec(compile(source, "own", "exec"), {})
    keras.saving.get_custom_objects().pop("own>Doubled")
    sys.modules.pop("own_layer_of_shrink")
    arguments = (
        "--data",
        data_of(tiny_run),
        "--import",
        "own_layer_of_shrink.py",
        "--max-iou-drop",
        "1",
        "--steps",
        "1",
    )

    assert main(["shrink", "own.keras", *arguments, "--steps", "1", *QUICK]) == 0

    small = load_model(tmp_path / "own-shrunk" / "best.keras")
    assert small.get_layer("first").filters < 4  # "twice" reads the second, and what it does is unknown
    assert small.get_layer("second").filters == 4
