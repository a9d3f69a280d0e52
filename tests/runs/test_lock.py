from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.runs import RunDirectory, lock

HOLD = """
import sys
from pathlib import Path
from nano_u.runs import RunDirectory
with RunDirectory(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of the run directory."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def write_owner(path: Path, **fields: object) -> None:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": time.time()} | fields
    (path / "run.lock").write_text(json.dumps(owner))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_names_its_holder_and_is_gone_afterwards(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with run.lock():
        owner = json.loads(run.lock_path.read_text())

    assert owner["pid"] == os.getpid()
    assert owner["host"] == socket.gethostname()
    assert owner["started"] == pytest.approx(time.time(), abs=60)
    assert not run.lock_path.exists()


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with pytest.raises(ZeroDivisionError), run.lock():
        raise ZeroDivisionError

    with run.lock():
        assert run.lock_path.exists()


def test_a_second_process_is_refused_with_the_first_ones_number_and_host(tmp_path: Path) -> None:
    with (
        another_holder(tmp_path) as process,
        pytest.raises(RunError, match=rf"in use by process {process.pid} on {socket.gethostname()} .*heartbeat"),
        RunDirectory(tmp_path).lock(),
    ):
        pass


def test_a_held_lock_stays_held_when_its_file_is_torn(tmp_path: Path) -> None:
    with another_holder(tmp_path):
        (tmp_path / "run.lock").write_text("")

        with pytest.raises(RunError, match="in use by another process"), RunDirectory(tmp_path).lock():
            pass


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with (
        RunDirectory(tmp_path).lock(),
        pytest.raises(RunError, match=f"in use by process {os.getpid()}"),
        RunDirectory(tmp_path).lock(),
    ):
        pass

    assert not (tmp_path / "run.lock").exists()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with another_holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "run.lock").exists()

        with RunDirectory(tmp_path).lock():
            assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


def test_a_lock_file_of_a_dead_process_on_this_host_is_taken_over(tmp_path: Path) -> None:
    write_owner(tmp_path, pid=dead_pid(), started=0.0)

    with RunDirectory(tmp_path).lock():
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_a_lock_file_of_a_live_process_or_of_another_host_is_never_taken_over(tmp_path: Path, host: str) -> None:
    pid = os.getppid() if host == socket.gethostname() else dead_pid()
    write_owner(tmp_path, host=host, pid=pid)
    before = (tmp_path / "run.lock").read_bytes()

    with pytest.raises(RunError, match=f"in use by process {pid} on {host}"), RunDirectory(tmp_path).lock():
        pass

    assert (tmp_path / "run.lock").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_torn_lock_file_that_nobody_holds_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.lock").write_text(content)

    with RunDirectory(tmp_path).lock():
        assert json.loads((tmp_path / "run.lock").read_text())["pid"] == os.getpid()


def test_the_heartbeat_renews_the_files_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.005)

    with RunDirectory(tmp_path).lock():
        os.utime(tmp_path / "run.lock", (0, 0))
        deadline = time.monotonic() + 10
        while (tmp_path / "run.lock").stat().st_mtime == 0:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_a_file_system_without_file_locks_falls_back_on_the_owner_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(lock.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)

    with (
        RunDirectory(tmp_path).lock(),
        pytest.raises(RunError, match=f"in use by process {os.getpid()}"),
        RunDirectory(tmp_path).lock(),
    ):
        pass
