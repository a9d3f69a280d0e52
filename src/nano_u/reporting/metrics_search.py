"""Finding the metrics file of a monitored run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nano_u.errors import RunError
from nano_u.runs import MonitorPaths, RunDirectory

_DEFAULT_NAME = re.compile(r".+_nas_metrics(-[0-9]+)?\.csv")
_MAX_LISTED = 8


def was_monitored(folder: Path) -> bool:
    """Whether a monitor wrote into this run directory or folder, be its files whole or not; False where none did."""
    try:
        monitor = RunDirectory(folder).monitor_dir
        return bool(_metrics_of(folder)) or (monitor.is_dir() and any(monitor.iterdir()))
    except OSError as error:
        raise RunError(f"{folder}: cannot be read ({error.strerror})") from error


def find_metrics_csv(path: Path) -> Path:
    """The metrics file itself, or the newest one of a run directory or of a folder that holds one.

    Raises:
        RunError: there is none, or files of more than one model; the text lists what is there.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _newest(path, _metrics_of(path))
        if path.exists():
            return path
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    raise RunError(f"{path}: no such file or folder; give a metrics CSV or a run directory")


def _metrics_of(folder: Path) -> list[Path]:
    """Metrics files in the monitor's folder of a run directory and in the folder itself."""
    return [*_metrics_in(RunDirectory(folder).monitor_dir), *_metrics_in(folder)]


def _metrics_in(folder: Path) -> list[Path]:
    """Files of `folder` with the monitor's own name, and others that a run file tells to be metrics."""
    if not folder.is_dir():
        return []
    tables = sorted(entry for entry in folder.iterdir() if entry.suffix == ".csv" and entry.is_file())
    return [table for table in tables if _DEFAULT_NAME.fullmatch(table.name) or MonitorPaths.beside(table).run.exists()]


def _newest(folder: Path, found: list[Path]) -> Path:
    if not found:
        raise RunError(
            f"{folder}: no metrics CSV of a monitor in it (there: {_listed(_names(folder))}); train with --enable-nas"
        )
    sets = [MonitorPaths.beside(table) for table in found]
    series = {paths.metrics.with_name(paths.series) for paths in sets}
    if len(series) > 1:
        names = _listed(str(table.relative_to(folder)) for table in found)
        raise RunError(f"{folder}: holds metrics of {len(series)} models ({names}); name one of these files")
    return max(sets, key=lambda paths: paths.number).metrics


def _names(folder: Path) -> Iterable[str]:
    return (f"{entry.name}/" if entry.is_dir() else entry.name for entry in sorted(folder.iterdir()))


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = [f"{len(known) - _MAX_LISTED} more"] if len(known) > _MAX_LISTED else []
    return ", ".join([*known[:_MAX_LISTED], *more]) or "nothing"
