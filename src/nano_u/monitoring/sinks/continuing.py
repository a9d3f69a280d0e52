"""Going on with the files of a run that was interrupted: all of them end at the same step before the first new one."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.monitoring.sinks.correlation_file import load_history, save_history
from nano_u.monitoring.sinks.correlation_history import CorrelationHistory
from nano_u.monitoring.sinks.csv_file import csv_text
from nano_u.monitoring.sinks.rows import KEY, Columns
from nano_u.monitoring.sinks.written_rows import WrittenRow, read_csv_rows, read_json_lines
from nano_u.runs import MonitorPaths, write_text_atomic

Key = tuple[int, int]


@dataclass(frozen=True)
class Continuation:
    """Where an interrupted run stands: its last whole step, None without any, and its correlations so far."""

    last: Key | None
    history: CorrelationHistory

    @property
    def next_step(self) -> int:
        """The first optimizer step that is not in the files."""
        return 0 if self.last is None else self.last[1] + 1


def continue_files(paths: MonitorPaths, columns: Columns, first_epoch: int) -> Continuation:
    """Cut the files back to the last step before `first_epoch` that all of them hold.

    Everything is read before anything is changed; a file that holds nothing too much is not touched. What a kill left
    of files that were being saved is removed.

    Raises:
        RunError: a file has other columns, or is damaged elsewhere than at its end.
    """
    steps = read_json_lines(paths.json_lines)
    layers = _whole_steps(read_csv_rows(paths.layers, columns.layer), steps)
    tables = {
        paths.metrics: (csv_text([(*KEY, *columns.model)]), read_csv_rows(paths.metrics, columns.model)),
        paths.layers: (csv_text([(*KEY, *columns.layer)]), layers),
        paths.json_lines: ("", steps),
    }
    history = load_history(paths.correlations) if paths.correlations.exists() else CorrelationHistory()
    _remove_interrupted_saves(paths)
    last = _last_common([rows for _, rows in tables.values()], first_epoch)

    for path, (header, rows) in tables.items():
        _rewrite(path, header + "".join(row.text for row in rows if last is not None and row.key <= last))
    known = len(history.keys)
    history.keep_until(last or (0, 0))
    if len(history.keys) < known:
        save_history(paths.correlations, history)
    return Continuation(last, history)


def _remove_interrupted_saves(paths: MonitorPaths) -> None:
    """Temporary files of `atomic_path`; nobody but the run that is continued writes under these names."""
    for path in paths.files():
        for left in path.parent.glob(f".{glob.escape(path.stem)}.*.tmp{path.suffix}"):
            left.unlink()


def _whole_steps(rows: Sequence[WrittenRow], steps: Sequence[WrittenRow]) -> list[WrittenRow]:
    """The rows of layers without those of steps that lack some of their layers."""
    found = Counter(row.key for row in rows)
    expected = {step.key: step.layers for step in steps}
    return [row for row in rows if found[row.key] == expected.get(row.key, found[row.key])]


def _last_common(files: Sequence[Sequence[WrittenRow]], first_epoch: int) -> Key | None:
    """The latest step before `first_epoch` that no file with rows lacks at its end."""
    kept = [[row.key for row in rows if row.key[0] < first_epoch] for rows in files if rows]
    if not kept or not all(kept):
        return None
    return min(max(keys) for keys in kept)


def _rewrite(path: Path, text: str) -> None:
    if path.exists() and path.read_bytes() != text.encode():
        write_text_atomic(path, text)
