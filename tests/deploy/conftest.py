from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import flatbuffers
import keras
import numpy as np
import pytest

from nano_u.deploy import convert_int8
from nano_u.deploy.flatbuffer import load_schema, read_model
from nano_u.graph.architectures import nano_u
from nano_u.models import build_model


@dataclass(frozen=True)
class Converted:
    """A model, what it was calibrated with and its int8 form."""

    model: keras.Model
    images: np.ndarray
    tflite: bytes


def images_like(shape: tuple[int, ...], count: int, seed: int = 0) -> np.ndarray:
    """Smooth random camera images: bytes over 255, with black and white in them."""
    random = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = random.uniform(-0.3, 1.3, (count, height // 4, width // 4, channels))
    images = coarse.repeat(4, axis=1).repeat(4, axis=2) + random.normal(0, 0.05, (count, height, width, channels))
    return (np.rint(np.clip(images, 0, 1) * 255) / 255).astype(np.float32)


def with_drawn_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with BatchNorm weights and statistics that are not at their start, as after training."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            layer.set_weights(
                [
                    random.uniform(0.7, 1.4, channels),
                    random.normal(0, 0.3, channels),
                    random.normal(0, 0.2, channels),
                    random.uniform(0.2, 0.8, channels),
                ]
            )
    return model


def converted(calibration: int = 4, seed: int = 0, **options: object) -> Converted:
    """A Nano-U with these options, converted."""
    keras.utils.set_random_seed(seed)
    model = with_drawn_weights(build_model(nano_u(**options)), seed)  # type: ignore[arg-type]
    images = images_like(model.input_shape[1:], calibration, seed)
    return Converted(model, images, convert_int8(model, images))


@pytest.fixture(scope="session")
def make_images() -> Callable[..., np.ndarray]:
    """`images_like`."""
    return images_like


@pytest.fixture(scope="session")
def tiny() -> Converted:
    """A 16x16 Nano-U with one stage, 9 operators."""
    return converted(input_shape=(16, 16, 3), filters=(4,), bottleneck=4, blocks_per_stage=1, calibration=16)


@pytest.fixture(scope="session")
def default_net() -> Converted:
    """`create_nano_u()` with two calibration images."""
    return converted(calibration=2)


@pytest.fixture(scope="session")
def published_net() -> Converted:
    """The published network's shape."""
    return converted(
        input_shape=(60, 80, 3), filters=(4, 8, 16), bottleneck=16, pool_sizes=(2, 2, (3, 2)), calibration=2
    )


@pytest.fixture
def exchange_operator(tiny: Converted) -> Callable[[str, str], bytes]:
    """The tiny model with one operator's code exchanged for another's, by schema names."""

    def exchange(old: str, new: str) -> bytes:
        codes = load_schema().BuiltinOperator
        model = read_model(tiny.tflite)
        for code in model.operatorCodes:
            if code.builtinCode == getattr(codes, old):
                code.builtinCode = code.deprecatedBuiltinCode = getattr(codes, new)
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    return exchange
