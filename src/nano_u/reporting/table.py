"""A table as a record of finished text, printed by rich in a terminal and as plain text in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

MISSING = "-"
"""Cell of a value that is not defined."""

Style = Literal["title", "heading", "rule", "row", "total", "note", "warning"]
_RICH_STYLES: dict[Style, str] = {"title": "bold", "rule": "dim", "total": "bold", "note": "dim", "warning": "yellow"}


@dataclass(frozen=True)
class Column:
    """A heading, a shorter one for narrow terminals, and whether the narrowest may leave the column out."""

    heading: str
    short: str = ""
    align: Literal["left", "right"] = "right"
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """Cells as text; the last `totals` rows are set apart. Notes say what the numbers mean, warnings what they lack."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines that fit the terminal; names are never read as markup."""
        for text, style in self.lines(options.max_width):
            wraps = style in ("title", "note", "warning")
            yield Text(text, style=_RICH_STYLES.get(style, ""), no_wrap=not wraps, overflow="fold" if wraps else "crop")

    def to_text(self) -> str:
        """Plain text, as wide as it needs to be."""
        return "".join(f"{text}\n" for text, _ in self.lines())

    def lines(self, width: int | None = None) -> list[tuple[str, Style]]:
        """Title, body, notes and warnings, each line with its style.

        Where `width` is too small, headings become short, then gaps, and then optional columns are left out, and named.
        """
        shown, headings, gap = self._layout(width)
        cells = [tuple(row[index] for index in shown) for row in self.rows]
        widths = _widths([headings, *cells])
        body = [(self._line(row, shown, widths, gap), self._style(index)) for index, row in enumerate(cells)]
        rule: tuple[str, Style] = (gap.join("-" * size for size in widths), "rule")
        if 0 < self.totals < len(body):
            body.insert(len(body) - self.totals, rule)
        if any(headings):
            body[:0] = [(self._line(headings, shown, widths, gap), "heading"), rule]
        hidden = [column.heading for index, column in enumerate(self.columns) if index not in shown]
        left_out = (f"Left out for lack of width: {', '.join(hidden)}.",) if hidden else ()
        return [
            (self.title, "title"),
            *body,
            *((note, "note") for note in (*self.notes, *left_out)),
            *((f"warning: {warning}", "warning") for warning in self.warnings),
        ]

    def _layout(self, width: int | None) -> tuple[list[int], tuple[str, ...], str]:
        """Columns shown, their headings and the gap between them: the first choice that fits, else the narrowest."""
        shown = list(range(len(self.columns)))
        long = tuple(column.heading for column in self.columns)
        short = tuple(column.short or column.heading for column in self.columns)
        choices = [(shown, long, "  "), (shown, short, "  "), (shown, short, " ")]
        for index in reversed(shown):
            if self.columns[index].optional:
                shown = [other for other in shown if other != index]
                choices.append((shown, tuple(short[other] for other in shown), " "))
        for choice in choices:
            if width is None or self._width(*choice) <= width:
                return choice
        return choices[-1]

    def _width(self, shown: list[int], headings: tuple[str, ...], gap: str) -> int:
        widths = _widths([headings, *(tuple(row[index] for index in shown) for row in self.rows)])
        return sum(widths) + len(gap) * (len(widths) - 1)

    def _line(self, cells: Sequence[str], shown: list[int], widths: list[int], gap: str) -> str:
        aligned = (
            cell.ljust(width) if self.columns[index].align == "left" else cell.rjust(width)
            for cell, width, index in zip(cells, widths, shown, strict=True)
        )
        return gap.join(aligned).rstrip()

    def _style(self, row: int) -> Style:
        return "total" if row >= len(self.rows) - self.totals else "row"


def ratio(value: float | None, *, signed: bool = False) -> str:
    """Three decimals, with a sign for differences; `MISSING` for None."""
    if value is None:
        return MISSING
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def count(value: int | None) -> str:
    """A whole number with thousands separated; `MISSING` for None."""
    return MISSING if value is None else f"{value:,}"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]
