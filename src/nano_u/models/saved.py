"""Saving and loading models, with one clear line where a file cannot be read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

import keras

import nano_u.models.layers  # noqa: F401  registers our layers, so that files that hold them can be read
from nano_u.errors import ModelError

SaveFormat = Literal["keras", "h5", "savedmodel"]
SUFFIXES: dict[SaveFormat, str] = {"keras": ".keras", "h5": ".h5", "savedmodel": ""}


def save_model(model: keras.Model, path: Path) -> None:
    """Save for inference: `.keras`, `.h5`, or a SavedModel folder where `path` has no suffix.

    Writes straight to `path`; callers that replace a good file write beside it and rename.
    """
    if path.suffix in (".keras", ".h5"):
        model.save(path, include_optimizer=False)
    elif not path.suffix:
        model.export(path, format="tf_saved_model", verbose=False)
    else:
        raise ModelError(f"{path}: cannot save as {path.suffix!r}; use .keras, .h5, or no suffix for a SavedModel")


def load_model(path: Path) -> keras.Model:
    """A model from a `.keras` or `.h5` file, not compiled; raises ModelError naming the file."""
    path = Path(path)
    if not path.exists():
        raise ModelError(f"{path}: no such model file")
    if path.suffix not in (".keras", ".h5"):
        raise ModelError(f"{path}: not a Keras model file; expected .keras or .h5")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path}: cannot be read as a Keras model: {reason}") from error
