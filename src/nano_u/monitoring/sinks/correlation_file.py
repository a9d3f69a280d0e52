"""The npz file of correlations: always whole, and rewritten rarely because each time it is written whole."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nano_u.errors import RunError
from nano_u.monitoring.sinks.correlation_history import CorrelationHistory
from nano_u.monitoring.sinks.rows import StepRows
from nano_u.monitoring.sinks.save_pace import SavePace
from nano_u.runs import atomic_path

SECONDS_BETWEEN_SAVES = 30.0


class CorrelationFile:
    """Saves at the first step, then as often as is cheap, and at `flush` and `close`.

    `clock` gives seconds. A kill loses what came since the last save, never the file.
    """

    def __init__(self, path: Path, history: CorrelationHistory, clock: Callable[[], float]) -> None:
        self._path = path
        self._history = history
        self._pace = SavePace(clock, SECONDS_BETWEEN_SAVES)
        self._unsaved = False

    def write(self, rows: StepRows) -> None:
        """Take in one step."""
        self._history.add(rows.record)
        self._unsaved = True
        if self._pace.is_due():
            self.flush()

    def flush(self) -> None:
        """Save what is new."""
        if not self._unsaved:
            return
        self._unsaved = False  # also where it fails: `close` does not try again
        with self._pace.saving():
            save_history(self._path, self._history)

    def close(self) -> None:
        """Save what is new."""
        self.flush()


def save_history(path: Path, history: CorrelationHistory) -> None:
    """Write the arrays of a history atomically."""
    with atomic_path(path) as temporary:
        np.savez(temporary, allow_pickle=False, **history.to_arrays())


def load_history(path: Path) -> CorrelationHistory:
    """Read a history back; RunError where the file is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return CorrelationHistory.from_arrays(arrays)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path}: damaged or not a file of correlations; move it away to go on") from error
