from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.errors import RunError
from nano_u.reporting.monitor_cells import (
    CellReader,
    channels,
    is_a_number,
    number,
    one_of,
    read_row,
    text,
    text_or_none,
    truth,
    whole,
    whole_or_none,
)
from nano_u.reporting.monitor_csv import CsvRow, CsvTable


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_shortest_exact_form(value: float) -> None:
    assert number()(repr(value)) == value


@given(st.integers(0, 10**18 - 1))
def test_a_whole_number_comes_back(value: int) -> None:
    assert whole(str(value)) == value


@given(st.sets(st.integers(0, 999)))
def test_numbers_of_channels_come_back(numbers: set[int]) -> None:
    ordered = tuple(sorted(numbers))

    assert channels(" ".join(map(str, ordered))) == (ordered or None)


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (number(), "", None),
        (number(), "1e3", 1000.0),
        (number(), "-.5", -0.5),
        (number(), "+1.", 1.0),
        (number(0, 1), "0", 0.0),
        (number(0, 1), "1.0000000000000002", 1.0000000000000002),
        (whole_or_none, "", None),
        (whole_or_none, "12", 12),
        (truth, "true", True),
        (truth, "false", False),
        (text, "a b", "a b"),
        (text_or_none, "", None),
        (text_or_none, "a", "a"),
        (one_of(["ok", "bad"]), "bad", "bad"),
    ],
)
def test_cells_are_the_values_they_name(read: CellReader, cell: str, value: object) -> None:
    assert read(cell) == value
    assert type(read(cell)) is type(value)


@pytest.mark.parametrize(
    ("read", "cell", "message"),
    [
        (number(), "half", "'half' is not a number; restore"),
        (number(), "1_000", "'1_000' is not a number"),
        (number(), " 1", "' 1' is not a number"),
        (number(), "0x1", "'0x1' is not a number"),
        (number(), "\u0661", "is not a number"),
        (number(), ".", "'.' is not a number"),
        (number(), "1e", "'1e' is not a number"),
        (number(), "0,5", "'0,5' has a decimal comma: a spreadsheet in another locale saved it"),
        (number(), "1.000,5", "'1.000,5' has a decimal comma"),
        (number(), "nan", "'nan' is no value; leave the cell empty"),
        (number(), "NaN", "'NaN' is no value"),
        (number(), "-inf", "'-inf' is no value"),
        (number(), "Infinity", "'Infinity' is no value"),
        (number(), "1e999", "'1e999' is not a finite number; restore"),
        (number(0), "-1e-3", "'-1e-3' is not a finite number of 0 or more"),
        (number(0, 1), "1.001", "'1.001' is not between 0 and 1"),
        (number(0, 1), "-0.1", "'-0.1' is not between 0 and 1"),
        (number(), "x" * 99, f"'{'x' * 40}...' is not a number"),
        (whole, "", "'' is not a whole number of 0 or more"),
        (whole, "-1", "'-1' is not a whole number of 0 or more"),
        (whole, "1.0", "'1.0' is not a whole number"),
        (whole, "9" * 5000, "is not a whole number"),
        (whole_or_none, "x", "'x' is not a whole number"),
        (truth, "True", "'True' is neither true nor false"),
        (truth, "", "'' is neither true nor false"),
        (text, "", "the cell is empty"),
        (one_of(["ok", "bad"]), "", "'' is none of ok, bad"),
        (channels, "0 2 1", "'0 2 1' does not ascend"),
        (channels, "0 0", "'0 0' does not ascend"),
        (channels, "0  1", "'' is not a whole number"),
        (channels, "0,1", "'0,1' is not a whole number"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_what_to_do(read: CellReader, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read(cell)

    assert "; " in str(caught.value)


def test_a_row_names_the_line_and_the_first_column_that_is_wrong() -> None:
    table = CsvTable(Path("x.csv"), ("a", "b", "c"), ())
    readers = [whole, number(0, 1), truth]

    assert read_row(table, CsvRow(2, ["1", "", "true"]), readers) == [1, None, True]
    with pytest.raises(RunError, match=r"^x\.csv: line 7: b: '2' is not between 0 and 1; restore"):
        read_row(table, CsvRow(7, ["1", "2", "yes"]), readers)


@pytest.mark.parametrize(
    ("cell", "meant"), [("1", True), ("0,5", True), ("nan", True), ("", False), ("note", False), ("1 2", False)]
)
def test_what_was_meant_as_a_number_is_told_from_text(cell: str, meant: bool) -> None:
    assert is_a_number(cell) is meant
