"""Where a result came from: versions, machine, threads, seed, git state, data. Nothing heavy is imported for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("nano-u", "keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow", "ai-edge-litert")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_ENABLE_ONEDNN_OPTS")

_GIT_TIMEOUT_SECONDS = 10


def collect_provenance(
    *,
    seed: int | None,
    command: Sequence[str] | None = None,
    dataset: Mapping[str, object] | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """A JSON-ready record; `command` defaults to this process's own, `dataset` is kept as given.

    Packages that are not installed, and git where there is no repository, are null.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(sys.argv if command is None else command),
        "seed": seed,
        "python": platform.python_version(),
        "versions": {name: _installed_version(name) for name in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "architecture": platform.machine(),
            "cpus": usable_cpus(),
        },
        "threads": {"configured": threads, **{name: os.environ.get(name) for name in THREAD_VARIABLES}},
        "git": _git_state(Path.cwd()),
        "dataset": None if dataset is None else dict(dataset),
    }


def usable_cpus() -> int:
    """Processors this process may run on, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_state(folder: Path) -> dict[str, object] | None:
    """Commit and whether tracked files differ from it; None without git, a repository or a first commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
