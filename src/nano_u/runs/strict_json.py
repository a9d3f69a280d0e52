"""JSON that any parser reads: no NaN or Infinity, no duplicate keys, and errors that name the file and the key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nano_u.errors import RunError
from nano_u.runs.atomic import write_text_atomic


def write_json(path: Path, data: object) -> None:
    """Write `data` atomically as JSON; a NaN, an infinity or an unknown type is refused with its key.

    NumPy scalars and arrays and paths become plain numbers, lists and text.
    """
    text = json.dumps(_plain(data, str(path)), indent=2, allow_nan=False)
    write_text_atomic(path, text + "\n")


def read_json(path: Path) -> Any:
    """Return the file's content; RunError where it is missing, damaged, or not strict JSON."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        return json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite_float, object_pairs_hook=_unique_keys
        )
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file") from error
    except RecursionError as error:
        raise RunError(f"{path}: nested too deeply to be one of our files") from error
    except ValueError as error:  # also JSONDecodeError and UnicodeDecodeError
        raise RunError(f"{path}: damaged or not JSON: {error}") from error


def _plain(value: object, where: str) -> object:
    """`value` in JSON's own types; `where` is the file and key for the message."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RunError(f"{where}: {value} cannot be written as JSON; record null and the reason instead")
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy here
        return _plain(value.tolist(), where)
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise RunError(f"{where}: a {type(value).__name__} cannot be written as JSON")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise RunError(f"{where}: the key {key!r} is not text")
    return key


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key {duplicate!r}")
    return result
