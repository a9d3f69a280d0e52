from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workflows.test_evaluate_as_device import brightness

from nano_u.cli.main import main
from nano_u.deploy.quantized_writer import write_tflite


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An export folder with an int8 model for images of 8x8."""
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "model.tflite").write_bytes(write_tflite(brightness((8, 8))))
    return tmp_path / "export"


@pytest.mark.parametrize(("arguments", "camera"), [([], "rgb888"), (["--camera", "rgb565le"], "rgb565le")])
def test_an_export_folder_is_evaluated_as_the_device_sees_it(
    arguments: list[str],
    camera: str,
    model: Path,
    tiny_dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    common = ["evaluate", str(model), "--data", str(tiny_dataset), "--output-dir", str(tmp_path / "out")]

    assert main([*common, "--as-device", *arguments]) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "Accuracy on test, int8 as the device sees it" in printed
    assert f"each image, at its own size, was sent as {camera}, decoded" in printed
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["camera"], metrics["kind"]) == (camera, "int8")
    assert metrics["pooled"]["metrics"]["iou"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--camera", "rgb565"], "--camera says how the device gets its images; add --as-device"),
        (["--as-device", "--camera", "nv12"], "'nv12' is not one of 'rgb888', 'bgr888', 'rgb565', 'rgb565le'"),
    ],
)
def test_what_cannot_be_seen_is_one_line(
    arguments: list[str], message: str, model: Path, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = model / "model.tflite"

    assert main(["evaluate", str(file), "--data", str(tiny_dataset), *arguments]) == 2

    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


def test_a_float_model_is_not_what_the_device_computes(
    tmp_path: Path, tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.keras").write_bytes(b"")

    assert main(["evaluate", str(tmp_path / "best.keras"), "--data", str(tiny_dataset), "--as-device"]) == 1

    assert "best.keras: holds no int8 model, which is what runs on the device" in capsys.readouterr().err
