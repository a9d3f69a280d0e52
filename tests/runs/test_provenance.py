from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from nano_u.runs import collect_provenance, provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_versions_come_from_the_installed_packages_and_missing_ones_are_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))

    record = collect_provenance(seed=7)

    assert record["versions"] == {"numpy": version("numpy"), "no-such-package": None}
    assert record["seed"] == 7


def test_command_threads_and_data_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)

    record = collect_provenance(seed=0, command=["nano-u", "train"], dataset={"sha256": "ab"}, threads=2)

    assert record["command"] == ["nano-u", "train"]
    assert record["dataset"] == {"sha256": "ab"}
    assert record["threads"]["configured"] == 2
    assert record["threads"]["OMP_NUM_THREADS"] == "3"
    assert record["threads"]["TF_NUM_INTEROP_THREADS"] is None
    assert record["machine"]["cpus"] >= 1


def test_the_start_is_in_universal_time() -> None:
    started = datetime.fromisoformat(collect_provenance(seed=0)["started"])

    assert abs((datetime.now(UTC) - started).total_seconds()) < 60


def test_the_git_commit_and_changes_to_tracked_files_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert collect_provenance(seed=0)["git"] is None

    git(tmp_path, "init", "-q")
    assert collect_provenance(seed=0)["git"] is None

    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-q", "-m", "a")
    (tmp_path / "untracked.txt").write_text("")
    clean = {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    assert collect_provenance(seed=0)["git"] == clean

    (tmp_path / "a.txt").write_text("b")
    assert collect_provenance(seed=0)["git"] == clean | {"dirty": True}


def test_a_machine_without_git_has_a_null(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert collect_provenance(seed=0)["git"] is None


def test_collecting_imports_nothing_heavy() -> None:
    script = (
        "import sys, json; from nano_u.runs import collect_provenance; json.dumps(collect_provenance(seed=0));"
        "print(json.dumps(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules))))"
    )

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert json.loads(done.stdout) == []
