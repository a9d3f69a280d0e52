from __future__ import annotations

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.errors import ModelError
from nano_u.models import create_nano_u, load_model, save_model

IMAGES = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return create_nano_u((8, 8, 3), filters=[2], bottleneck=3, blocks_per_stage=1)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_round_trip_is_bit_equal(model: keras.Model, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    save_model(model, path)

    np.testing.assert_array_equal(load_model(path)(IMAGES), model(IMAGES))


def test_saved_model_serves_the_same_outputs(model: keras.Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "served")

    loaded = tf.saved_model.load(tmp_path / "served")

    np.testing.assert_allclose(loaded.serve(tf.constant(IMAGES)), model(IMAGES), atol=1e-6)


def test_other_suffix_is_refused(model: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot save as '.onnx'"):
        save_model(model, tmp_path / "model.onnx")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent.keras: no such model file"):
        load_model(tmp_path / "absent.keras")


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"PK\x03\x04 torn"])
def test_garbage_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.keras"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"bad.keras: cannot be read as a Keras model") as caught:
        load_model(path)

    assert "\n" not in str(caught.value)


def test_flipped_byte_is_caught(model: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    save_model(model, path)
    with zipfile.ZipFile(path) as archive:
        weights = archive.getinfo("model.weights.h5")
    content = bytearray(path.read_bytes())
    content[weights.header_offset + 200 + weights.compress_size // 2] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(ModelError, match="cannot be read"):
        load_model(path)
