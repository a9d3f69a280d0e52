from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from nano_u.deploy import ReferenceModel, convert_int8, read_graph
from nano_u.errors import DeployError, MissingDependencyError


def test_logits_are_dequantised_int8_outputs_of_camera_bytes(tiny: Any) -> None:
    model = ReferenceModel(tiny.tflite)
    output = read_graph(tiny.tflite).output.quantization
    camera = np.rint(tiny.images * 255).astype(int)

    quantised = model.predict_int8((camera - 128).astype(np.int8))

    assert np.array_equal(model.predict(tiny.images), output.dequantise(quantised))
    assert quantised.shape == (len(camera), 16, 16, 1)
    assert quantised.std() > 1


@pytest.mark.parametrize("threads", [1, 2, 5, 99])
def test_the_number_of_threads_changes_nothing(tiny: Any, threads: int) -> None:
    images = tiny.images[:7]

    outputs = ReferenceModel(tiny.tflite, threads=threads).predict(images)

    assert np.array_equal(outputs, ReferenceModel(tiny.tflite, threads=3).predict(images))


def test_images_are_predicted_independently_and_in_order(tiny: Any) -> None:
    model = ReferenceModel(tiny.tflite)

    whole = model.predict(tiny.images)

    assert np.array_equal(model.predict(tiny.images[::-1]), whole[::-1])
    assert np.array_equal(model.predict(tiny.images[3:4]), whole[3:4])


def test_progress_counts_every_image_once(tiny: Any) -> None:
    calls: list[tuple[int, int]] = []

    ReferenceModel(tiny.tflite).predict(tiny.images, lambda done, total: calls.append((done, total)))

    assert calls == [(done, 16) for done in range(1, 17)]


def test_no_image_gives_no_output(tiny: Any) -> None:
    assert ReferenceModel(tiny.tflite).predict(np.empty((0, 16, 16, 3), np.float32)).shape == (0, 16, 16, 1)


def test_a_model_of_probabilities_still_predicts_logits(make_images: Callable[..., np.ndarray]) -> None:
    image = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(1, 1)
    model = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 3, 1), 10.0), np.array([-15.0])])
    images = make_images((8, 8, 3), 4)

    logits = ReferenceModel(convert_int8(model, images, probabilities=True)).predict(images)

    expected = model.predict(images, verbose=0)
    moderate = np.abs(expected) < 2
    assert np.abs(logits - expected)[moderate].max() < 0.3
    assert logits.min() == pytest.approx(-6.24, abs=0.01)
    assert logits.max() < 6.24
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("images", [np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 16, 12, 3), np.int8)])
def test_images_of_another_kind_are_refused(tiny: Any, images: np.ndarray) -> None:
    with pytest.raises(DeployError, match=r"expected int8 images \(n, 16, 16, 3\), got"):
        ReferenceModel(tiny.tflite).predict_int8(images)


def test_a_missing_interpreter_names_the_extra(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)

    with pytest.raises(MissingDependencyError, match=r"ai-edge-litert is not installed; run: pip install 'nano-u\["):
        ReferenceModel(tiny.tflite)
