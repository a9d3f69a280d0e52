"""Layer records as CSV; an undefined value is an empty cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from nano_u.redundancy import SCALAR_FIELDS, LayerRedundancy
from nano_u.runs import write_text_atomic


def write_redundancy_csv(path: Path, layers: Sequence[LayerRedundancy]) -> None:
    """One row per layer: every field of `LayerRedundancy.scalars()`, numbers with all their digits."""
    extra = dict.fromkeys(name for layer in layers for name in layer.extra)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*SCALAR_FIELDS, *extra], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in layer.scalars().items()} for layer in layers)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, text.getvalue())


def _cell(value: float | int | str | bool | None) -> float | int | str | None:
    """Truth as in the monitor's files and JSON: `true` or `false`."""
    return str(value).lower() if isinstance(value, bool) else value
