"""Learning curves as read from a run's `history.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import RunError


@dataclass(frozen=True)
class History:
    """One value per epoch for every column; None where the cell was empty or not finite."""

    epochs: tuple[int, ...]
    series: Mapping[str, tuple[float | None, ...]]

    def best_epoch(self, name: str) -> tuple[int, float] | None:
        """The first epoch with the highest value of column `name`, and that value."""
        pairs = zip(self.epochs, self.series.get(name, ()), strict=False)
        defined = [(epoch, value) for epoch, value in pairs if value is not None]
        return max(defined, key=lambda pair: pair[1], default=None)


def read_history(path: Path) -> History:
    """Read the file strictly: a row that is too long, too short or no number is an error with its line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file; has the run finished an epoch?") from error
    except UnicodeDecodeError as error:
        remedy = "the run is damaged, train again into a new run directory"
        raise RunError(f"{path}: not UTF-8 text; {remedy}") from error
    reader = csv.reader(text.splitlines())
    header = next(reader, [])
    if "epoch" not in header or len(set(header)) != len(header):
        raise RunError(f"{path}: line 1: expected a header with distinct columns and 'epoch' among them")
    columns: dict[str, list[float | None]] = {name: [] for name in header}
    for row in reader:
        if len(row) != len(header):
            raise RunError(f"{path}: line {reader.line_num}: {len(row)} fields, the header has {len(header)}")
        for name, cell in zip(header, row, strict=True):
            columns[name].append(_number(cell, f"{path}: line {reader.line_num}: {name}"))
    epochs = columns.pop("epoch")
    if any(epoch is None or epoch != int(epoch) for epoch in epochs):
        raise RunError(f"{path}: column 'epoch' must hold whole numbers")
    return History(
        tuple(int(epoch) for epoch in epochs if epoch is not None),
        {name: tuple(values) for name, values in columns.items()},
    )


def _number(cell: str, where: str) -> float | None:
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError as error:
        raise RunError(f"{where}: {cell!r} is not a number") from error
    return value if math.isfinite(value) else None
