from __future__ import annotations

import re
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.reporting.monitor_csv import CsvRow, read_csv_table


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.csv"
    path.write_bytes(content)
    return path


def test_cells_come_back_as_text_with_the_line_on_which_their_row_begins(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,"x, ""y"""\n2,"two\r\nlines"\n3,größe\n'.encode())

    table = read_csv_table(path, ["b"])

    assert table.header == ("a", "b")
    assert table.rows == (
        CsvRow(2, ["1", 'x, "y"']),
        CsvRow(3, ["2", "two\r\nlines"]),
        CsvRow(5, ["3", "größe"]),
    )
    assert table.column("a") == ["1", "2", "3"]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfa,b\n1,2\n", b"a,b\r\n1,2\r\n"], ids=["byte order mark", "line ends of Windows"]
)
def test_what_an_editor_changes_about_the_bytes_changes_no_cell(tmp_path: Path, content: bytes) -> None:
    table = read_csv_table(written(tmp_path, content), ["a"])

    assert (table.header, table.rows) == (("a", "b"), (CsvRow(2, ["1", "2"]),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the file is empty; nothing was logged"),
        (b"\xef\xbb\xbf", "line 1: the file is empty"),
        (b"a,b", "line 1: the last line has no line end"),
        (b"a,b\n1,2\n3,4", "line 3: the last line has no line end: its writing was interrupted; remove the line"),
        (b"a,b\n1,2\n3", "line 3: the last line has no line end"),
        (b"a,b\n1,2\n3,", "line 3: the last line has no line end"),
        (b"a,b\n1,2\n\0\0\0\0", "line 3: NUL bytes"),
        (b"a,b\n1,\x002\n", "line 2: NUL bytes"),
        (b"a,b\n1,2\n3,\xff\n", "line 3: not UTF-8 text; save the file as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1: not UTF-8 text"),
        (b"a;b\n1,5;2,5\n", "line 1: cells are separated by ';' instead of ','; a spreadsheet in another locale"),
        (b"sep=;\na;b\n1;2\n", "line 1: cells are separated by ';'"),
        (b"a\tb\n1\t2\n", "line 1: cells are separated by tabs"),
        (b"c,d\n1,2\n", "line 1: missing columns a, b; restore"),
        (b"a,d\n1,2\n", "line 1: missing columns b; restore"),
        (b"\na,b\n1,2\n", "line 1: missing columns a, b"),
        (b"a,b,a\n1,2,3\n", "line 1: the header names 'a' twice"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 cells, the header has 2; remove the line or restore"),
        (b"a,b\n1,2\n1\n", "line 3: 1 cells, the header has 2"),
        (b"a,b\n1,2,9\n3,4,9\n", "line 2: 3 cells, the header has 2"),
        (b"a,b\n\n1,2\n", "line 2: an empty line"),
        (b'a,b\n1,"2\n3,4\n', "line 2: not a row of cells"),
        (b'a,b\n1,"2"2\n', "line 2: not a row of cells"),
    ],
)
def test_damage_is_refused_in_one_line_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(RunError, match=re.escape(f"x.csv: {message}")) as caught:
        read_csv_table(written(tmp_path, content), ["a", "b"])

    assert "\n" not in str(caught.value)
