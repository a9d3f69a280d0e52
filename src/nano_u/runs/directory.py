"""The files of one run, and how a run directory is made and found again."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from nano_u.errors import RunError
from nano_u.runs.file_label import file_label
from nano_u.runs.lock import hold_lock
from nano_u.runs.strict_json import read_json

MONITOR_DIR = "nas"


@dataclass(frozen=True)
class RunDirectory:
    """Names of the files of one run; nothing is created or read by asking for a name."""

    path: Path

    @property
    def config_path(self) -> Path:
        """The configuration as resolved."""
        return self.path / "config.yaml"

    @property
    def provenance_path(self) -> Path:
        """Versions, machine, seed, git state and data that the run came from."""
        return self.path / "provenance.json"

    @property
    def history_path(self) -> Path:
        """One row per epoch."""
        return self.path / "history.csv"

    @property
    def best_model_path(self) -> Path:
        """The model of the best epoch."""
        return self.path / "best.keras"

    @property
    def last_model_path(self) -> Path:
        """The model of the last epoch."""
        return self.path / "last.keras"

    @property
    def qat_model_path(self) -> Path:
        """The quantisation-aware model of the best epoch."""
        return self.path / "qat.keras"

    @property
    def models(self) -> tuple[Path, ...]:
        """Every model that a training writes, whether it is there or not."""
        return self.best_model_path, self.last_model_path, self.qat_model_path

    @property
    def qat_history_path(self) -> Path:
        """One row per epoch of fine-tuning under int8 arithmetic."""
        return self.path / "history_qat.csv"

    @property
    def metrics_path(self) -> Path:
        """Final metrics; its presence says that training finished."""
        return self.path / "metrics.json"

    @property
    def graph_path(self) -> Path:
        """The architecture record."""
        return self.path / "graph.json"

    @property
    def shrink_path(self) -> Path:
        """Every step of the shrinking that made this network; a table and a picture of the same name lie beside it."""
        return self.path / "shrink.json"

    @property
    def report_path(self) -> Path:
        """All of it on one page."""
        return self.path / "report.html"

    @property
    def soft_targets_dir(self) -> Path:
        """What this run's best model says of images that students learn from."""
        return self.path / "soft_targets"

    @property
    def monitor_dir(self) -> Path:
        """The redundancy monitor's files, unless the settings name another place."""
        return self.path / MONITOR_DIR

    @property
    def export_dir(self) -> Path:
        """Where the int8 model and its report go."""
        return self.path / "export"

    @property
    def certificate_path(self) -> Path:
        """What was proven of the C files that were made of the export, wherever they went."""
        return self.export_dir / "certificate.json"

    @property
    def lock_path(self) -> Path:
        """Present while a process writes here."""
        return self.path / "run.lock"

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end."""
        return self.metrics_path.is_file()

    def evaluation_dir(self, split: str) -> Path:
        """Where the evaluation of one split goes."""
        return self.path / "evaluation" / split

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other process from writing here; RunError while one does."""
        return hold_lock(self.lock_path)

    def require(self, path: Path) -> Path:
        """Return `path` if it exists; RunError that says what is missing otherwise."""
        if not path.exists():
            remedy = "train again into a new run directory" if self.is_finished else "training has not got that far"
            raise RunError(f"{self.path}: {path.name} is missing; {remedy}")
        return path


def create_run(path: Path | None = None, *, name: str, root: Path = Path("runs")) -> RunDirectory:
    """Make the directory of a new run: `path`, or a fresh one under `root` named by time and `name`.

    An existing `path` is taken when it is empty or holds a run that never saved a model; anything else is refused.
    """
    if path is None:
        return RunDirectory(_make_unique(root, name))
    run = RunDirectory(Path(path))
    try:
        run.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise RunError(f"{path}: not a directory; choose another run directory") from error
    _refuse_occupied(run)
    return run


def open_run(path: Path) -> RunDirectory:
    """Return the run at `path`; RunError where there is none or where its records are damaged."""
    run = RunDirectory(Path(path))
    if not run.path.exists():
        raise RunError(f"{path}: no such run directory{_close_names(run.path)}")
    if not run.path.is_dir():
        raise RunError(f"{path}: a file, not a run directory")
    if not run.config_path.is_file():
        raise RunError(f"{path}: not a run directory (no {run.config_path.name}); `nano-u train` makes one")
    if run.config_path.stat().st_size == 0:
        raise RunError(f"{run.config_path}: empty; the run is damaged, train again into a new run directory")
    for record in (run.provenance_path, run.metrics_path, run.graph_path):
        if record.exists():
            read_json(record)
    return run


def _make_unique(root: Path, name: str) -> Path:
    """A new directory; `mkdir` decides between processes, so equal seconds and clock jumps do not collide."""
    root.mkdir(parents=True, exist_ok=True)
    for candidate in _candidates(name):
        try:
            (root / candidate).mkdir()
        except FileExistsError:
            continue
        return root / candidate
    raise AssertionError("unreachable: candidates are endless")


def _candidates(name: str) -> Iterator[str]:
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{file_label(name, otherwise='run')}"
    yield stem
    for number in count(2):
        yield f"{stem}-{number}"


def _refuse_occupied(run: RunDirectory) -> None:
    remedy = "choose another run directory or remove this one"
    if run.is_finished:
        raise RunError(f"{run.path}: holds a finished run; {remedy}")
    for model in run.models:
        if model.exists():
            raise RunError(f"{run.path}: holds the model of an unfinished run ({model.name}); {remedy}")
    ours = {run.config_path, run.provenance_path, run.history_path, run.graph_path, run.lock_path}
    foreign = sorted(entry.name for entry in run.path.iterdir() if entry not in ours and not entry.name.startswith("."))
    if foreign:
        raise RunError(f"{run.path}: not empty ({', '.join(foreign[:3])}); choose another run directory")


def _close_names(path: Path) -> str:
    """A hint at runs with similar names beside the one that is missing."""
    if not path.parent.is_dir():
        return ""
    names = [entry.name for entry in path.parent.iterdir() if entry.is_dir()]
    close = difflib.get_close_matches(path.name, names)
    return f"; did you mean {', '.join(str(path.parent / name) for name in close)}?" if close else ""
