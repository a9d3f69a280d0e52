from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nano_u.data import decode_image, index_dataset, load_images
from nano_u.data.camera import CameraFormat
from nano_u.data.camera_device import received_input
from nano_u.data.pixel_names import PixelName
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.errors import ConfigError, ModelError
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, run_integer
from nano_u.workflows.evaluate import evaluate_model
from nano_u.workflows.prediction import device_model
from nano_u.workflows.source import find_model


def brightness(size: tuple[int, int], scale: float = 1 / 255, zero_point: int = -128) -> QuantizedGraph:
    """Logits that are positive where the three colours are on average brighter than half."""
    image = QuantizedTensor("image", (*size, 3), scale, zero_point)
    logits = QuantizedTensor("logits", (*size, 1), 0.01, 0)
    kernel_scale = np.float32(0.02)
    bias = np.array([round(-0.5 * 3 * 50 * float(kernel_scale) / (image.scale * float(kernel_scale)))], np.int32)
    weights = QuantizedWeights(np.full((1, 1, 1, 3), 50, np.int8), np.array([kernel_scale]), bias)
    op = QuantizedOp("CONV_2D", ("image",), "logits", weights)
    return QuantizedGraph((image, logits), (op,), "logits")


@pytest.fixture
def data(tmp_path: Path, make_tiny_dataset: Callable[..., Path]) -> Path:
    """Images of 21 rows and 26 columns."""
    return make_tiny_dataset(tmp_path / "data", size=(21, 26))


@pytest.mark.parametrize(
    ("pixels", "graph"),
    [
        ("rgb888", brightness((8, 10))),
        ("rgb565", brightness((8, 10))),
        ("uyvy", brightness((21, 26))),
        ("gray8", brightness((8, 10), 0.01, -5)),
    ],
)
def test_the_counts_are_those_of_integers_from_the_cameras_bytes_on(
    pixels: PixelName, graph: QuantizedGraph, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(graph))
    image = graph.by_name["image"]

    run = evaluate_model(
        tmp_path / "model.tflite", data=str(data), split="val", camera=pixels, output_dir=tmp_path / "out"
    )

    config = find_model(tmp_path / "model.tflite").config.dataset
    samples = index_dataset(data, config).splits["val"]
    camera = CameraFormat(26, 21, pixels)
    inputs = [
        received_input(camera.encode(decode_image(s.image, config.max_pixels)), camera, image.shape, image)
        for s in samples
    ]
    predicted = run_integer(graph, np.stack(inputs)) >= 0
    masks = load_images(samples, image.shape[:2], config).masks == 1
    counts = run.evaluation.pooled.counts
    assert counts.true_positives == np.count_nonzero(predicted & masks)
    assert counts.false_positives == np.count_nonzero(predicted & ~masks)
    assert counts.false_negatives == np.count_nonzero(~predicted & masks)
    assert run.evaluation.pooled.metrics.iou is not None
    assert run.evaluation.pooled.metrics.iou > 0.9


def test_the_record_and_the_table_say_how_images_came(data: Path, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(brightness((8, 10))))

    run = evaluate_model(
        tmp_path / "model.tflite", data=str(data), split="val", camera="rgb565", output_dir=tmp_path / "out"
    )

    line = (
        "As the device sees it: each image, at its own size, was sent as rgb565, decoded, brought to the network's "
        "size and made int8 in the device's integers."
    )
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["camera"] == "rgb565"
    assert line in (tmp_path / "out" / "table.txt").read_text().splitlines()
    assert run.table().title == "Accuracy on val, int8 as the device sees it"
    assert run.table().notes[-1] == line


def test_it_does_not_replace_the_usual_evaluation(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(brightness((8, 10))))
    monkeypatch.chdir(tmp_path)

    usual = evaluate_model(Path("model.tflite"), data=str(data), split="val")
    seen = evaluate_model(Path("model.tflite"), data=str(data), split="val", camera="rgb565")

    assert (usual.folder, seen.folder) == (Path("evaluation/val-int8"), Path("evaluation/val-int8-rgb565"))
    record = json.loads((usual.folder / "metrics.json").read_text())
    assert "camera" not in record
    assert not any("device" in line for line in (usual.folder / "table.txt").read_text().splitlines())
    assert record["data"] == json.loads((seen.folder / "metrics.json").read_text())["data"]


@pytest.mark.slow
def test_synthetic_images_are_sent_at_the_networks_size(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(brightness((8, 8))))

    def counts(camera: PixelName | None) -> object:
        model, out = tmp_path / "model.tflite", tmp_path / "out"
        return evaluate_model(model, data="synthetic", camera=camera, output_dir=out).evaluation.pooled.counts

    assert counts("bgr888") == counts(None)
    assert counts("rgb565") != counts(None)


def test_images_smaller_than_the_network_are_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(write_tflite(brightness((24, 26))))

    with pytest.raises(ConfigError, match=r"valA_000\.png: camera: a picture of 26x21 cannot be enlarged"):
        evaluate_model(tmp_path / "model.tflite", data=str(data), split="val", camera="rgb888")
    assert not (tmp_path / "evaluation").exists()


def test_the_int8_model_of_a_folder_is_found(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "export").mkdir(parents=True)

    with pytest.raises(ModelError, match="run: holds no int8 model, which is what runs on the device; run nano-u exp"):
        device_model(run)
    (run / "export" / "model.tflite").touch()
    assert device_model(run) == device_model(run / "export") == run / "export" / "model.tflite"
    assert device_model(tmp_path / "other.tflite") == tmp_path / "other.tflite"
    with pytest.raises(ModelError, match="gone: no such model file, export folder or run directory"):
        device_model(tmp_path / "gone")
