"""A CSV file of the monitor as text cells, read so strictly that no damage passes for a value."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import read_bounded

RESTORE = "restore the file as the monitor wrote it"
"""The remedy where nothing simpler mends a file."""

OTHER_LOCALE = "a spreadsheet in another locale saved it; save it with ',' between cells and '.' in numbers"


class CsvRow(NamedTuple):
    """One row and the line on which it begins; the header is line 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class CsvTable:
    """A header of distinct names, and rows that have as many cells."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[CsvRow, ...]

    def column(self, name: str) -> list[str]:
        """The cells under `name`, from top to bottom."""
        index = self.header.index(name)
        return [row.cells[index] for row in self.rows]


def read_csv_table(path: Path, required: Sequence[str]) -> CsvTable:
    """The table in UTF-8 text, with or without byte order mark.

    Raises:
        RunError: the file lacks one of the `required` columns, or is damaged; the text names the line.
    """
    rows = list(_rows(path, _whole_text(path)))
    header = rows[0].cells
    _check_header(path, header, required)
    for line, cells in rows:
        if len(cells) != len(header):
            found = f"{len(cells)} cells, the header has {len(header)}" if cells else "an empty line"
            raise csv_error(path, line, found, "remove the line or " + RESTORE)
    return CsvTable(path, tuple(header), tuple(rows[1:]))


def csv_error(path: Path, line: int, what: str, remedy: str = RESTORE) -> RunError:
    """The error for what is wrong on a line."""
    return RunError(f"{path}: line {line}: {what}; {remedy}")


def _whole_text(path: Path) -> str:
    """The file's text; RunError where its end or its encoding says that it is not what was written."""
    content = read_bounded(path).removeprefix(codecs.BOM_UTF8)
    if not content:
        raise csv_error(path, 1, "the file is empty", "nothing was logged, or " + RESTORE)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise csv_error(path, _line_at(content, error.start), "not UTF-8 text", "save the file as UTF-8") from error
    if (nul := content.find(b"\0")) >= 0:
        what = "NUL bytes, as a machine leaves them that lost its power while writing"
        raise csv_error(path, _line_at(content, nul), what, "remove them and what follows")
    if not text.endswith("\n"):
        what = "the last line has no line end: its writing was interrupted"
        raise csv_error(path, _line_at(content, len(content)), what, "remove the line, or resume the training")
    return text


def _line_at(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _rows(path: Path, text: str) -> Iterator[CsvRow]:
    # newline="" keeps line ends as they are: the csv module wants to see those inside quotes.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            yield CsvRow(line, cells)
            line = reader.line_num + 1
    except csv.Error as error:
        raise csv_error(path, line, f"not a row of cells ({error})") from error


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    for separator, name in ((";", "';'"), ("\t", "tabs")):
        if missing and any(separator in cell for cell in header):
            raise csv_error(path, 1, f"cells are separated by {name} instead of ','", OTHER_LOCALE)
    if missing:
        raise csv_error(path, 1, f"missing columns {', '.join(missing)}", RESTORE)
    if twice := sorted({repr(name) for name in header if header.count(name) > 1}):
        raise csv_error(path, 1, f"the header names {', '.join(twice)} twice")
