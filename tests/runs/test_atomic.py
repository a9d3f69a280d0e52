from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.runs import atomic_path, write_text_atomic


def fail_at(monkeypatch: pytest.MonkeyPatch, function: str, call: int, code: int = errno.ENOSPC) -> None:
    """Make the given call (from 1) of an `os` function fail with an error that names no file."""
    real = getattr(os, function)
    calls = 0

    def faulty(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(code, os.strerror(code))
        return real(*args)

    monkeypatch.setattr(os, function, faulty)


def interrupted_write(path: Path) -> None:
    path.write_bytes(b"half")
    raise KeyboardInterrupt


def test_written_text_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"

    write_text_atomic(path, "old")
    write_text_atomic(path, "new\nü\n")

    assert path.read_bytes() == "new\nü\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_is_a_sibling_with_the_same_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "best.keras") as temporary:
        temporary.write_bytes(b"model")

        assert temporary.parent == tmp_path
        assert temporary.suffix == ".keras"
        assert not (tmp_path / "best.keras").exists()


def test_an_error_in_the_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(b"old")

    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        interrupted_write(temporary)

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(b"old")

    with pytest.raises(RunError, match=r"best\.keras: nothing was written"), atomic_path(path):
        pass

    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(("function", "call"), [("replace", 1), ("fsync", 1)])
def test_a_fault_before_the_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, call: int
) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    fail_at(monkeypatch, function, call)

    with pytest.raises(OSError, match="No space left") as caught:
        write_text_atomic(path, "new")

    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fault_after_the_rename_leaves_the_new_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    fail_at(monkeypatch, "fsync", 2)

    with pytest.raises(OSError, match="No space left"):
        write_text_atomic(path, "new")

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_system_that_cannot_sync_directories_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, "fsync", 2, errno.EINVAL)

    write_text_atomic(tmp_path / "metrics.json", "new")

    assert (tmp_path / "metrics.json").read_text() == "new"


def test_the_data_is_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("fsync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append("replace"), replace(old, new)))

    write_text_atomic(tmp_path / "metrics.json", "new")

    assert order == ["fsync", "replace", "fsync"]


def test_a_full_disk_names_the_file_meant_and_not_the_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "best.keras"

    with pytest.raises(OSError, match="No space left") as caught, atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")  # a write error carries no file name

    assert caught.value.filename == str(path)


def test_a_missing_folder_names_the_file_meant(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "metrics.json"

    with pytest.raises(FileNotFoundError) as caught:
        write_text_atomic(path, "new")

    assert caught.value.filename == str(path)
