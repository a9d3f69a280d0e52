from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nano_u.deploy import to_stock_keras
from nano_u.errors import DeployError
from nano_u.graph.architectures import nano_u
from nano_u.models import UpsampleNearest, build_model

LOAD_WITHOUT_NANO_U = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nano_u":
            raise ImportError(name)

sys.meta_path.insert(0, Blocker())
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
assert "nano_u" not in sys.modules
"""


def outputs(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(model(images, training=False))


def modules_named_in(config: Any) -> set[str]:
    """Every module that a `.keras` file asks Keras to import."""
    if isinstance(config, list):
        return set().union(*map(modules_named_in, config)) if config else set()
    if not isinstance(config, dict):
        return set()
    own = {config["module"]} if isinstance(config.get("module"), str) else set()
    return own.union(*map(modules_named_in, config.values()))


def test_outputs_and_names_are_the_originals(tiny: Any) -> None:
    stock = to_stock_keras(tiny.model)

    difference = np.abs(outputs(stock, tiny.images) - outputs(tiny.model, tiny.images))

    assert difference.max() <= 1e-5
    assert [layer.name for layer in stock.layers] == [layer.name for layer in tiny.model.layers]
    assert stock.name == tiny.model.name
    assert stock.count_params() == tiny.model.count_params()


def test_a_net_with_skips_keeps_its_outputs(make_images: Callable[..., np.ndarray]) -> None:
    model = build_model(nano_u((16, 16, 3), filters=(4,), bottleneck=4, skips=True, enable_probes=True))
    images = make_images((16, 16, 3), 2)

    difference = np.abs(outputs(to_stock_keras(model), images) - outputs(model, images))

    assert difference.max() <= 1e-5


def test_the_saved_file_asks_for_keras_modules_only(tiny: Any, tmp_path: Path) -> None:
    path = tmp_path / "stock.keras"
    to_stock_keras(tiny.model).save(path)

    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))

    assert {name.partition(".")[0] for name in modules_named_in(config)} == {"keras"}
    assert "nano_u>" not in json.dumps(config)


@pytest.mark.slow
def test_the_saved_file_loads_where_nano_u_cannot_be_imported(tiny: Any, tmp_path: Path) -> None:
    path, images, results = (tmp_path / name for name in ("stock.keras", "images.npy", "outputs.npy"))
    to_stock_keras(tiny.model).save(path)
    np.save(images, tiny.images)

    subprocess.run([sys.executable, "-c", LOAD_WITHOUT_NANO_U, path, images, results], check=True, cwd=tmp_path)

    assert np.abs(np.load(results) - outputs(tiny.model, tiny.images)).max() <= 1e-5


def test_a_compiled_model_with_a_loss_of_its_own_comes_out_uncompiled(tiny: Any) -> None:
    def own_loss(truth: Any, logits: Any) -> Any:
        return keras.ops.mean(logits)

    model = keras.models.clone_model(tiny.model)
    model.compile(optimizer="sgd", loss=own_loss)

    assert not to_stock_keras(model).compiled


def test_the_original_is_left_as_it_was(tiny: Any) -> None:
    before = [weight.copy() for weight in tiny.model.get_weights()]

    stock = to_stock_keras(tiny.model)
    stock.set_weights([weight + 1 for weight in stock.get_weights()])

    assert all(np.array_equal(old, new) for old, new in zip(before, tiny.model.get_weights(), strict=True))
    assert any(isinstance(layer, UpsampleNearest) for layer in tiny.model.layers)


def test_half_precision_training_is_exported_in_float32() -> None:
    image = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16")(image)
    stock = to_stock_keras(keras.Model(image, UpsampleNearest((2, 2), dtype="mixed_bfloat16")(conv)))

    assert {layer.compute_dtype for layer in stock.layers} == {"float32"}
    assert stock.output_shape == (None, 16, 16, 2)


def test_nested_and_sequential_models_are_exported(make_images: Callable[..., np.ndarray]) -> None:
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3), UpsampleNearest((2, 2))])
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 1)(inner(image)))
    images = make_images((8, 8, 3), 2)

    stock = to_stock_keras(model)

    assert np.allclose(outputs(stock, images), outputs(model, images), atol=1e-5)
    assert not any(isinstance(layer, UpsampleNearest) for layer in stock._flatten_layers())


def test_keras_own_nearest_upsampling_becomes_a_resize(make_images: Callable[..., np.ndarray]) -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.UpSampling2D((3, 2), name="up")(image))
    images = make_images((8, 8, 3), 2)

    stock = to_stock_keras(model)

    assert isinstance(stock.get_layer("up"), keras.layers.Resizing)
    assert np.array_equal(outputs(stock, images), outputs(model, images))


class Doubling(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


def test_a_layer_without_a_stock_equal_is_refused_by_name() -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, Doubling(name="twice")(image))

    with pytest.raises(DeployError, match=r"layer 'twice' \(Doubling\) is not one of Keras' own"):
        to_stock_keras(model)


class Subclassed(keras.Model):
    def call(self, inputs: Any) -> Any:
        return inputs


def test_a_subclassed_model_is_refused() -> None:
    with pytest.raises(DeployError, match="only functional and Sequential models"):
        to_stock_keras(Subclassed(name="own"))


def test_outputs_that_would_differ_are_refused(monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    model = keras.models.clone_model(tiny.model)
    layer = model.get_layer("logits")
    call = layer.call
    monkeypatch.setattr(layer, "call", lambda inputs: call(inputs) + 0.1)

    with pytest.raises(DeployError, match=r"stock Keras layers give outputs that differ by 1\.0e-01"):
        to_stock_keras(model)


def test_a_sequential_model_that_was_never_called_is_cloned() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, padding="same")])
    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)

    stock = to_stock_keras(model)

    np.testing.assert_allclose(stock(images), model(images), atol=1e-6)
