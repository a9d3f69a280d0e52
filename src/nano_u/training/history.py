"""The run's `history.csv`: one row per epoch, rewritten whole and atomically, so that it is never torn."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

import keras

from nano_u.runs import write_text_atomic


class HistoryFile(keras.callbacks.Callback):
    """Writes epoch (from 1), seconds, learning rate and all of Keras' logs; a column may first appear at any epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, Any]] = []
        self.started = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start an empty table."""
        self.rows = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's row."""
        row: dict[str, Any] = {"epoch": epoch + 1, "seconds": round(time.perf_counter() - self.started, 3)}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row |= {key: float(value) for key, value in (logs or {}).items()}
        self.rows.append(row)
        write_text_atomic(self.path, history_csv(self.rows))


def history_csv(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV text with the union of their columns; a missing or non-finite value is an empty cell."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()})
    return text.getvalue()
