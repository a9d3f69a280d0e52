from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from nano_u.errors import DeployError
from nano_u.toolchain.bounded_process import FinishedProcess, run_bounded


def test_what_a_program_writes_and_how_it_ends_is_kept() -> None:
    script = "import sys; data = sys.stdin.buffer.read(); print(data[::-1].decode()); sys.exit('three')"

    done = run_bounded([sys.executable, "-c", script], timeout=60, stdin=b"abc")

    assert done == FinishedProcess(1, b"cba\n", "three\n")


def test_a_hanging_program_is_stopped_with_its_children(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child; wait"

    with pytest.raises(DeployError, match=r"^sh ran longer than 0\.5 s and was stopped$"):
        run_bounded(["sh", "-c", script], timeout=0.5, cwd=tmp_path)

    assert not _runs(int((tmp_path / "child").read_text()))


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(DeployError, match=r"^no-such-program cannot be started"):
        run_bounded(["/nowhere/no-such-program"], timeout=1)


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        (
            FinishedProcess(1, b"", "a.c: In function 'f':\na.c:3:5: error: lost\na.c:4: error: more\n"),
            "a.c:3:5: error: lost",
        ),
        (FinishedProcess(1, b"", "ld: too large\ncollect2: error: ld returned 1 exit status\n"), "ld: too large"),
        (FinishedProcess(3, b"", "\n"), "exit status 3"),
        (FinishedProcess(-11, b"", ""), "stopped by SIGSEGV"),
    ],
)
def test_the_reason_is_the_line_that_names_the_error(finished: FinishedProcess, reason: str) -> None:
    assert finished.reason == reason


def _runs(process_id: int) -> bool:
    for _ in range(100):  # a killed orphan stays listed until init has collected it
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return False
        if _is_zombie(process_id):
            return False
        time.sleep(0.02)
    return True


def _is_zombie(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
