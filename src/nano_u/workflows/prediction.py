"""A saved model, float or int8, as one predict function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nano_u.data import ImageSet, as_floats
from nano_u.errors import ModelError
from nano_u.runs import RunDirectory

if TYPE_CHECKING:
    import keras

Progress = Callable[[int, int], None]
BATCH_SIZE = 64


@dataclass(frozen=True)
class Predictor:
    """`logits(images)`: float32 images `(count, height, width, 3)` in [0, 1] -> float32 logits, last axis 1."""

    kind: str
    input_shape: tuple[int, int, int]
    logits: Callable[[npt.NDArray[np.float32], Progress | None], npt.NDArray[np.float32]]

    def of(self, image_set: ImageSet, progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """Logits of a whole set."""
        return self.logits(as_floats(image_set.images), progress)


def load_predictor(path: Path) -> Predictor:
    """The predict function of a `.keras` or `.h5` (float) or a `.tflite` (int8 as the device computes it)."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    if path.suffix == ".tflite":
        return int8_predictor_of(path.read_bytes())
    import nano_u.quantization.fake_quantization  # noqa: F401  registers the layers of a quantisation-aware model
    from nano_u.models import load_model

    return float_predictor_of(load_model(path))


def device_model(path: Path) -> Path:
    """The int8 model that `path` names: a `.tflite`, an export folder or a run that was exported."""
    if path.suffix == ".tflite":
        return path
    for candidate in (path / "model.tflite", RunDirectory(path).export_dir / "model.tflite"):
        if candidate.is_file():
            return candidate
    if path.exists():
        raise ModelError(f"{path}: holds no int8 model, which is what runs on the device; run nano-u export first")
    raise ModelError(f"{path}: no such model file, export folder or run directory")


def float_predictor_of(model: keras.Model) -> Predictor:
    """The predict function of a Keras model in memory."""
    shape = tuple(model.input_shape[1:])
    if len(shape) != 3 or shape[2] != 3 or None in shape:
        raise ModelError(f"{model.name}: expects input (height, width, 3) of fixed size, got {shape}")

    def logits(images: npt.NDArray[np.float32], progress: Progress | None) -> npt.NDArray[np.float32]:
        parts = []
        for start in range(0, len(images), BATCH_SIZE):
            parts.append(np.asarray(model.predict_on_batch(images[start : start + BATCH_SIZE]), np.float32))
            if progress is not None:
                progress(min(start + BATCH_SIZE, len(images)), len(images))
        return np.concatenate(parts)

    return Predictor("float32", shape, logits)


def int8_predictor_of(tflite: bytes) -> Predictor:
    """The predict function of an int8 model, as the device computes it."""
    from nano_u.deploy import ReferenceModel

    reference = ReferenceModel(tflite)
    shape = reference.graph.input.shape
    if len(shape) != 4 or shape[3] != 3:
        raise ModelError(f"int8 model: expects input (1, height, width, 3), got {shape}")
    return Predictor("int8", (shape[1], shape[2], shape[3]), reference.predict)
