"""Architecture records to and from files: run directories, `graph.json`, `.keras` and `.tflite`."""

from __future__ import annotations

import json
from pathlib import Path

from nano_u.errors import ModelError
from nano_u.graph.keras_file import read_keras_file
from nano_u.graph.record import Architecture
from nano_u.graph.tflite_file import read_tflite_file

GRAPH_FILE = "graph.json"
MAX_JSON_BYTES = 32 * 1024 * 1024


def read_architecture(path: Path) -> Architecture:
    """The network in a run directory, a `graph.json`, a `.keras` or a `.tflite`; imports neither Keras nor TensorFlow.

    Raises ModelError, in one line, on a missing, damaged or unknown file.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / GRAPH_FILE).is_file():
            raise ModelError(f"{path}: no {GRAPH_FILE} in it, so it is not a run directory; name a model file instead")
        path /= GRAPH_FILE
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    reader = {".json": _read_json, ".keras": read_keras_file, ".tflite": read_tflite_file}.get(path.suffix.lower())
    if reader is None:
        raise ModelError(f"{path}: neither a run directory nor a .keras, .tflite or .json file")
    architecture = reader(path)
    try:
        _ = architecture.shapes
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return architecture


def write_architecture(architecture: Architecture, path: Path) -> None:
    """Writes the record as JSON; a file that is already there is replaced in one step."""
    text = json.dumps(architecture.to_dict(), indent=1, allow_nan=False) + "\n"
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _read_json(path: Path) -> Architecture:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{path}: larger than {MAX_JSON_BYTES:,} bytes; refused")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path}: not valid JSON ({error})") from error
    try:
        return Architecture.from_dict(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
