"""Tables of steps and of layers as CSV: floats in their shortest exact form, an empty cell for None."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nano_u.monitoring.sinks.append_file import AppendFile
from nano_u.monitoring.sinks.rows import KEY, Row, StepRows
from nano_u.redundancy.record import Scalar


class CsvFile:
    """One table; `rows_of` picks its rows out of a step. A new or empty file gets its header at once."""

    def __init__(self, path: Path, columns: Sequence[str], rows_of: Callable[[StepRows], Iterable[Row]]) -> None:
        self._columns = columns
        self._rows_of = rows_of
        self._file = AppendFile(path)
        if path.stat().st_size == 0:
            self._file.write(csv_text([(*KEY, *columns)]))

    def write(self, rows: StepRows) -> None:
        """Append the step's rows."""
        key = [rows.epoch, rows.step]
        self._file.write(csv_text([*key, *(row[name] for name in self._columns)] for row in self._rows_of(rows)))

    def flush(self) -> None:
        """Nothing is ever held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def csv_text(rows: Iterable[Sequence[Scalar]]) -> str:
    """Lines of CSV: None is empty, truth is `true` or `false` as in JSON."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Scalar) -> float | int | str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
