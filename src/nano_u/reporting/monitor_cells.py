"""Cells of the monitor's tables as values: each reader takes a cell and raises ValueError that says what is wrong.

The text of the ValueError ends with the remedy. An empty cell is None: it stands for an undefined value.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nano_u.errors import RunError
from nano_u.reporting.monitor_csv import OTHER_LOCALE, RESTORE, CsvRow, CsvTable

CellReader = Callable[[str], Any]
_Word = TypeVar("_Word", bound=str)

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[0-9]{1,18}")
_NOT_FINITE = {"nan", "inf", "infinity"}

_ROUNDING = 1e-9  # a weighted mean of ones may be 1.0000000000000002


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float | None]:
    """Reader of a finite number from `low` to `high`, but for rounding, or an empty cell."""

    def read(cell: str) -> float | None:
        if not cell:
            return None
        if _NUMBER.fullmatch(cell) is None:
            raise ValueError(_why_no_number(cell))
        value = float(cell)
        if not low - _ROUNDING <= value <= high + _ROUNDING or math.isinf(value):
            raise ValueError(f"{_shown(cell)} is not {_range(low, high)}; {RESTORE}")
        return value

    return read


def whole(cell: str) -> int:
    """A whole number, 0 or more."""
    if _WHOLE.fullmatch(cell) is None:
        raise ValueError(f"{_shown(cell)} is not a whole number of 0 or more; {RESTORE}")
    return int(cell)


def whole_or_none(cell: str) -> int | None:
    """A whole number, 0 or more, or an empty cell."""
    return whole(cell) if cell else None


def truth(cell: str) -> bool:
    """`true` or `false`."""
    if cell not in ("true", "false"):
        raise ValueError(f"{_shown(cell)} is neither true nor false; {RESTORE}")
    return cell == "true"


def text(cell: str) -> str:
    """Text that is not empty."""
    if not cell:
        raise ValueError(f"the cell is empty; {RESTORE}")
    return cell


def text_or_none(cell: str) -> str | None:
    """Text or an empty cell."""
    return cell or None


def one_of(words: Sequence[_Word]) -> Callable[[str], _Word]:
    """Reader of one of these words."""
    known = {str(word): word for word in words}

    def read(cell: str) -> _Word:
        if cell not in known:
            raise ValueError(f"{_shown(cell)} is none of {', '.join(known)}; {RESTORE}")
        return known[cell]

    return read


def channels(cell: str) -> tuple[int, ...] | None:
    """Numbers of channels, ascending with spaces between, or an empty cell."""
    if not cell:
        return None
    numbers = tuple(whole(part) for part in cell.split(" "))
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise ValueError(f"{_shown(cell)} does not ascend; {RESTORE}")
    return numbers


def is_a_number(cell: str) -> bool:
    """Whether somebody meant a number by it, well written or not."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def read_row(table: CsvTable, row: CsvRow, readers: Sequence[CellReader]) -> list[Any]:
    """The row's values, one reader per column; RunError with line and column where a cell cannot be read."""
    try:
        return [read(cell) for read, cell in zip(readers, row.cells, strict=True)]
    except ValueError as error:
        name = next(
            name for name, read, cell in zip(table.header, readers, row.cells, strict=True) if _fails(read, cell)
        )
        raise RunError(f"{table.path}: line {row.line}: {name}: {error}") from error


def _fails(read: CellReader, cell: str) -> bool:
    try:
        read(cell)
    except ValueError:
        return True
    return False


def _why_no_number(cell: str) -> str:
    if cell.strip("+- ").lower() in _NOT_FINITE:
        return f"{_shown(cell)} is no value; leave the cell empty where a number is not defined"
    if _DECIMAL_COMMA.fullmatch(cell):
        return f"{_shown(cell)} has a decimal comma: {OTHER_LOCALE}"
    return f"{_shown(cell)} is not a number; {RESTORE}"


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else f"{cell[:40]}...")


def _range(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"between {low:g} and {high:g}"
    return f"a finite number of {low:g} or more" if math.isfinite(low) else "a finite number"
