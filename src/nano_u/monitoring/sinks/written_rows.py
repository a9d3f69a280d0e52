"""Reading our own row files back, as far as going on with them needs it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import RunError
from nano_u.monitoring.sinks.rows import KEY


@dataclass(frozen=True)
class WrittenRow:
    """One row of a file as it stands there, line end included, and the step that it belongs to."""

    key: tuple[int, int]
    """(epoch, step)."""
    text: str
    layers: int = 1
    """How many layers it tells of."""


def read_csv_rows(path: Path, columns: Sequence[str]) -> list[WrittenRow]:
    """The whole rows of a CSV file of ours; a torn last one is left out, an empty or missing file has none.

    Raises:
        RunError: the file has other columns than `columns` after its key, or a row that is not ours.
    """
    text = _whole_csv_rows(_read_text(path))
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    header = next(reader, None)
    if header is None:
        return []
    wanted = [*KEY, *columns]
    if header != wanted:
        raise RunError(
            f"{path}: cannot be continued with other columns ({_difference(header, wanted)}); "
            "choose another log_dir or csv_path"
        )
    rows = []
    start = reader.line_num
    try:
        for cells in reader:
            if len(cells) != len(header):
                raise _damaged(path, start + 1, f"{len(cells)} cells instead of {len(header)}")
            rows.append(WrittenRow(_key(cells, path, start + 1), "".join(lines[start : reader.line_num])))
            start = reader.line_num
    except csv.Error as error:
        raise _damaged(path, start + 1, str(error)) from error
    return rows


def read_json_lines(path: Path) -> list[WrittenRow]:
    """The whole lines of a JSON Lines file of ours; a torn last one is left out, a missing file has none."""
    whole = _read_text(path).rpartition("\n")[0]
    rows = []
    for number, line in enumerate(whole.split("\n") if whole else (), start=1):
        try:
            step = json.loads(line)
            key, layers = [step[name] for name in KEY], len(step["layers"])
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, number, "not a step") from error
        rows.append(WrittenRow(_key(key, path, number), f"{line}\n", layers))
    return rows


def _read_text(path: Path) -> str:
    """The file's text, empty for a missing file; what a kill tore may end inside a character."""
    if not path.exists():
        return ""
    return path.read_bytes().decode("utf-8", errors="replace")


def _whole_csv_rows(text: str) -> str:
    """`text` up to the last line end outside quotes."""
    end = text.rfind("\n")
    while end >= 0 and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end)
    return text[: end + 1]


def _difference(header: Sequence[str], wanted: Sequence[str]) -> str:
    lacks = [name for name in wanted if name not in header]
    has = [name for name in header if name not in wanted]
    parts = [f"{verb} {', '.join(map(repr, names))}" for verb, names in (("lacks", lacks), ("has", has)) if names]
    return ", ".join(parts) or "in another order"


def _key(cells: Sequence[object], path: Path, line: int) -> tuple[int, int]:
    try:
        return int(str(cells[0])), int(str(cells[1]))
    except ValueError as error:
        raise _damaged(path, line, f"epoch {cells[0]!r} and step {cells[1]!r} are not whole numbers") from error


def _damaged(path: Path, line: int, what: str) -> RunError:
    return RunError(f"{path}, line {line}: damaged ({what}); move the file away to go on without it")
