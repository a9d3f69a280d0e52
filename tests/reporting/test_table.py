from __future__ import annotations

import io

import pytest
from rich.console import Console

from nano_u.reporting import Column, Table
from nano_u.reporting.table import count, ratio

TABLE = Table(
    "Title",
    (Column("name", align="left"), Column("a long heading", "long"), Column("extra words", "extra", optional=True)),
    (("first", "1", "10"), ("second", "22", "2"), ("sum", "23", "12")),
    totals=1,
    notes=("A note.",),
    warnings=("too small",),
)


def printed(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_plain_text_is_aligned_with_totals_apart() -> None:
    assert TABLE.to_text() == (
        "Title\n"
        "name    a long heading  extra words\n"
        "------  --------------  -----------\n"
        "first                1           10\n"
        "second              22            2\n"
        "------  --------------  -----------\n"
        "sum                 23           12\n"
        "A note.\n"
        "warning: too small\n"
    )


def test_a_wide_terminal_gets_the_same_lines() -> None:
    assert [line.rstrip() for line in printed(TABLE, 60).splitlines()] == TABLE.to_text().splitlines()


@pytest.mark.parametrize(
    ("width", "heading"),
    [
        (35, "name    a long heading  extra words"),
        (34, "name    long  extra"),
        (19, "name    long  extra"),
        (18, "name   long extra"),
        (17, "name   long extra"),
        (16, "name   long"),
    ],
)
def test_a_narrow_terminal_gets_short_headings_then_small_gaps_then_fewer_columns(width: int, heading: str) -> None:
    lines = [text for text, _ in TABLE.lines(width)]

    assert lines[1] == heading
    assert ("Left out for lack of width: extra words." in lines) == (width == 16)
    assert max(map(len, lines[1:7])) <= width


def test_names_are_never_read_as_markup() -> None:
    table = Table("[bold]T[/bold]", (Column("[red]c"),), (("[link=x]y[/link]",), (":smile:",)))

    text = printed(table, 60)

    for literal in ("[bold]T[/bold]", "[red]c", "[link=x]y[/link]", ":smile:"):
        assert literal in text


def test_long_notes_and_warnings_wrap_and_are_not_cut() -> None:
    words = " ".join(f"word{index}" for index in range(12))

    text = printed(Table("T", (Column("c"),), (("1",),), notes=(words,), warnings=(words,)), 30)

    assert " ".join(text.split()).count(words) == 2


def test_a_table_without_headings_has_no_heading_line() -> None:
    table = Table("Sizes", (Column("", align="left"), Column("")), (("file", "9"), ("weights", "10")))

    assert table.to_text() == "Sizes\nfile      9\nweights  10\n"


def test_numbers_as_text() -> None:
    assert [ratio(None), ratio(0.12345), ratio(0.5, signed=True), ratio(-0.5, signed=True)] == [
        "-",
        "0.123",
        "+0.500",
        "-0.500",
    ]
    assert [count(None), count(0), count(1234567)] == ["-", "0", "1,234,567"]
