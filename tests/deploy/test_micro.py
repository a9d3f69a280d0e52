from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nano_u.deploy import MicroModel, ReferenceModel, micro_available, summarise_tflite
from nano_u.errors import DeployError, MissingDependencyError

needs_micro = pytest.mark.skipif(not micro_available(), reason="tflite-micro (the extra `mcu`) is not installed")


def real_images(camvid: Path, size: tuple[int, int], count: int) -> np.ndarray:
    """Test images at the model's size, spread over the split."""
    paths = sorted((camvid / "test" / "img").iterdir())
    paths = paths[:: len(paths) // count][:count]
    height, width = size
    images = [
        np.asarray(Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BOX)) for path in paths
    ]
    return np.stack(images).astype(np.float32) / 255


@needs_micro
def test_micro_and_reference_agree_on_noise(tiny: Any) -> None:
    noise = np.random.default_rng(0).integers(-128, 128, (20, 16, 16, 3)).astype(np.int8)

    micro = MicroModel(tiny.tflite).predict_int8(noise)

    assert np.array_equal(micro, ReferenceModel(tiny.tflite).predict_int8(noise))
    assert micro.std() > 1


@needs_micro
@pytest.mark.parametrize("net", ["default_net", "published_net"])
def test_micro_and_reference_agree_on_real_images(net: str, camvid: Path, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(net)
    images = real_images(camvid, model.model.input_shape[1:3], 8)
    reference = ReferenceModel(model.tflite)
    quantised = reference.quantise(images)

    assert np.array_equal(MicroModel(model.tflite).predict_int8(quantised), reference.predict_int8(quantised))


@needs_micro
@pytest.mark.parametrize(("net", "overhead"), [("default_net", 16_384), ("published_net", 16_384)])
def test_the_arena_is_the_activation_peak_and_some_bookkeeping(
    net: str, overhead: int, request: pytest.FixtureRequest
) -> None:
    tflite = request.getfixturevalue(net).tflite
    peak = summarise_tflite(tflite).peak_activation_bytes

    assert peak < MicroModel(tflite).arena_bytes < peak + overhead


@needs_micro
def test_asking_for_the_arena_prints_nothing(tiny: Any, capfd: pytest.CaptureFixture[str]) -> None:
    arena = MicroModel(tiny.tflite).arena_bytes

    assert capfd.readouterr() == ("", "")
    assert arena > 16 * 16 * 8


@needs_micro
def test_progress_counts_every_image(tiny: Any) -> None:
    calls: list[tuple[int, int]] = []
    model = MicroModel(tiny.tflite)

    model.predict_int8(np.zeros((3, 16, 16, 3), np.int8), lambda done, total: calls.append((done, total)))

    assert calls == [(1, 3), (2, 3), (3, 3)]


@needs_micro
def test_a_model_that_micro_cannot_run_is_one_line(exchange_operator: Callable[[str, str], bytes]) -> None:
    with pytest.raises(DeployError, match=r"^TensorFlow Lite Micro cannot run this model: [^\n]*TILE[^\n]*$"):
        MicroModel(exchange_operator("MAX_POOL_2D", "TILE"))


def test_a_missing_package_names_the_extra(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)

    with pytest.raises(MissingDependencyError, match=r"tflite-micro is not installed; run: pip install 'nano-u\[mcu"):
        MicroModel(tiny.tflite)
