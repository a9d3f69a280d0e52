"""What is known of a monitored run as a whole, out of its run file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import require_bounded
from nano_u.runs import read_json


@dataclass(frozen=True)
class MonitorFacts:
    """The model, what it costs, and how well it did; None means not known."""

    model_name: str
    parameters: int | None
    macs: int | None
    validation_iou: tuple[tuple[int, float | None], ...]
    """(epoch, IoU) by ascending epoch."""


def read_monitor_facts(path: Path) -> MonitorFacts:
    """The file's content; RunError in one line, with the key, where it is damaged or holds something else."""
    require_bounded(path)
    try:
        record = read_json(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not isinstance(record, dict):
        raise _wrong(path, "the content", "an object")
    name = record.get("model_name")
    if not isinstance(name, str) or not name:
        raise _wrong(path, "model_name", "a name")
    _whole(path, record, "seed")  # read by nobody here, but damage is damage
    return MonitorFacts(
        model_name=name,
        parameters=_count(path, record, "parameters"),
        macs=_count(path, record, "macs"),
        validation_iou=_validation_iou(path, record.get("validation_iou", [])),
    )


def _validation_iou(path: Path, rows: Any) -> tuple[tuple[int, float | None], ...]:
    if not isinstance(rows, list):
        raise _wrong(path, "validation_iou", "a list")
    pairs: list[tuple[int, float | None]] = []
    for index, row in enumerate(rows):
        where = f"validation_iou[{index}]"
        if not isinstance(row, dict) or not _is_whole(row.get("epoch")):
            raise _wrong(path, where, 'an object with a whole number as "epoch"')
        if pairs and row["epoch"] <= pairs[-1][0]:
            raise _wrong(path, f"{where}: epoch", f"above the one before it, {pairs[-1][0]}")
        pairs.append((row["epoch"], _number(path, row.get("iou"), f"{where}: iou")))
    return tuple(pairs)


def _number(path: Path, value: Any, where: str) -> float | None:
    if value is None:
        return None
    largest = sys.float_info.max
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -largest <= value <= largest:
        raise _wrong(path, where, "a number or null")
    return float(value)


def _count(path: Path, record: Mapping[str, Any], key: str) -> int | None:
    value = _whole(path, record, key)
    if value is not None and value < 0:
        raise _wrong(path, key, "0 or more, or null")
    return value


def _whole(path: Path, record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    if value is not None and not _is_whole(value):
        raise _wrong(path, key, "a whole number or null")
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(path: Path, key: str, expected: str) -> RunError:
    return RunError(f"{path}: {key} must be {expected}; restore the file, or remove it to go on without")
