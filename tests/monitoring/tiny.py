"""A network of a few channels, its data, and a fit that says what became of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nano_u.monitoring import NASMonitorCallback

IMAGES = 24
BATCH = 8


def network(*, momentum: float = 0.9, dropout: float = 0.3) -> keras.Model:
    """Two convolutions with BatchNorm and ReLU, dropout and a 1x1 head; the same start weights every time."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input((8, 8, 3), name="input_image")
    x = inputs
    for index in (1, 2):
        x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = keras.layers.BatchNormalization(momentum=momentum, name=f"bn{index}")(x)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, keras.layers.Conv2D(1, 1, name="head")(x), name="tiny")


def data(images: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Random images whose mask is where their channels sum to more than zero."""
    x = np.random.default_rng(3).normal(size=(images, 8, 8, 3)).astype(np.float32)
    return x, (x.sum(-1, keepdims=True) > 0).astype(np.float32)


def compiled(model: keras.Model, **options: Any) -> keras.Model:
    """The model ready for fit, without XLA unless asked for."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, **{"jit_compile": False, **options})
    return model


def fit(
    model: keras.Model, callbacks: Sequence[keras.callbacks.Callback] = (), *, epochs: int = 2, **options: Any
) -> keras.callbacks.History:
    """A quiet fit on `data()`."""
    x, y = data()
    return model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)


def fingerprint(model: keras.Model) -> str:
    """Of all variables, byte for byte; the optimizer's and dropout's too."""
    variables = [*model.variables, *model.optimizer.variables]
    return hashlib.sha256(b"".join(np.asarray(variable).tobytes() for variable in variables)).hexdigest()


def monitor(folder: Path, **options: Any) -> NASMonitorCallback:
    """A monitor that writes to `folder` and raises what it would otherwise only report."""
    return NASMonitorCallback(**{"log_dir": folder, "strict": True, "tensorboard": False, **options})


def left_behind(model: keras.Model) -> list[str]:
    """Traces of a monitor on the model; empty when it is as it was."""
    layers = [model, *model._flatten_layers(include_self=False)]
    found = [layer.name for layer in layers if "call" in vars(layer) or layer._losses]
    found += [name for name in ("train_step", "test_step") if name in vars(model)]
    functions = [getattr(model, name) for name in ("train_function", "test_function")]
    return found + [type(function).__name__ for function in functions if type(function).__name__ == "ObservedFunction"]
