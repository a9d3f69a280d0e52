"""All files of a monitored run as one sink."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol

from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks.rows import Columns, StepRows, step_rows
from nano_u.monitoring.sinks.run_file import RunFile
from nano_u.runs import MonitorPaths


class RowFile(Protocol):
    """One file that takes steps as rows."""

    def write(self, rows: StepRows) -> None:
        """Take in one step."""

    def flush(self) -> None:
        """Write what was held back."""

    def close(self) -> None:
        """Flush and close; a second call does nothing."""


class MonitorFiles:
    """Every file of a run: `write` per logged step, `write_epoch` per epoch. `open_sinks` makes it.

    What goes wrong with a file is an OSError with its path.
    """

    def __init__(self, paths: MonitorPaths, columns: Columns, run: RunFile) -> None:
        self.paths = paths
        self._columns = columns
        self._run = run
        self._files: list[RowFile] = []
        self._open = ExitStack()
        self._open.callback(run.close)

    def add(self, file: RowFile) -> None:
        """Take over a file; steps are written to the files in this order."""
        self._files.append(file)
        self._open.callback(file.close)

    def write(self, record: StepRecord) -> None:
        """Write one step to every file."""
        rows = step_rows(record, self._columns)
        for file in self._files:
            file.write(rows)

    def write_epoch(self, epoch: int, validation_iou: float | None) -> None:
        """Note the validation IoU of an epoch, from 1."""
        self._run.write_epoch(epoch, validation_iou)

    def complete(self, parameters: int | None, macs: int | None) -> None:
        """Note what was not known of the model before its first step."""
        self._run.complete(parameters, macs)

    def flush(self) -> None:
        """Write what was held back for speed."""
        for file in self._files:
            file.flush()
        self._run.flush()

    def close(self) -> None:
        """Flush and close every file, whatever one of them raises; a second call does nothing."""
        self._open.close()
