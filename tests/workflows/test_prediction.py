from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.data import ImageSet
from nano_u.errors import ModelError
from nano_u.workflows.prediction import float_predictor_of, load_predictor


def brightness(dtype: str = "float32") -> keras.Model:
    """Logits that are the mean of the three colours."""
    image = keras.Input((2, 2, 3))
    layer = keras.layers.Conv2D(1, 1, use_bias=False, dtype=dtype)
    model = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 3, 1), 1 / 3)])
    return model


def images(count: int) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 2, 2, 3), np.uint8)
    names = tuple(f"image_{index}" for index in range(count))
    return ImageSet(pixels, np.zeros((count, 2, 2, 1), np.uint8), names, ("image",) * count)


def test_a_whole_set_is_predicted_in_its_order_batch_by_batch() -> None:
    data = images(150)
    told: list[tuple[int, int]] = []

    logits = float_predictor_of(brightness()).of(data, lambda done, total: told.append((done, total)))

    np.testing.assert_allclose(logits, data.images.mean(axis=3, keepdims=True) / 255, atol=1e-6)
    assert told == [(64, 150), (128, 150), (150, 150)]


def test_a_half_precision_network_still_gives_float32_logits() -> None:
    data = images(3)

    logits = float_predictor_of(brightness("mixed_bfloat16")).of(data)

    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, data.images.mean(axis=3, keepdims=True) / 255, atol=0.02)


def test_a_network_without_a_fixed_colour_input_is_refused() -> None:
    for shape in [(None, None, 3), (2, 2, 1)]:
        image = keras.Input(shape)

        with pytest.raises(ModelError, match=r"expects input \(height, width, 3\) of fixed size"):
            float_predictor_of(keras.Model(image, keras.layers.Conv2D(1, 1)(image)))


@pytest.mark.parametrize("name", ["gone.keras", "gone.tflite"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=f"{name}: no such model file"):
        load_predictor(tmp_path / name)
