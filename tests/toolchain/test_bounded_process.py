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


def test_a_child_that_outlives_its_parent_is_stopped_too(tmp_path: Path) -> None:
    """It holds the pipes, so that what the parent wrote has no end."""
    with pytest.raises(DeployError, match=r"^sh ran longer than 0\.5 s and was stopped$"):
        run_bounded(["sh", "-c", "sleep 600 & echo $! > child"], timeout=0.5, cwd=tmp_path)

    assert not _runs(int((tmp_path / "child").read_text()))


def test_a_program_may_run_as_long_as_its_output_grows(tmp_path: Path) -> None:
    output = tmp_path / "output"
    script = (
        "import sys, time\nfor _ in range(6): time.sleep(0.3); open('output', 'a').write('x')\n"
        "print(len(sys.stdin.read()))"
    )

    done = run_bounded([sys.executable, "-c", script], timeout=1.2, cwd=tmp_path, output=output, stdin=b"y" * 300_000)

    assert done == FinishedProcess(0, b"300000\n", "")
    assert output.read_text() == "x" * 6


def test_a_program_whose_output_stops_growing_is_stopped(tmp_path: Path) -> None:
    script = "echo some > output; while true; do echo talk; sleep 0.1; done"

    with pytest.raises(DeployError, match=r"^sh gave nothing for 0\.5 s and was stopped$"):
        run_bounded(["sh", "-c", script], timeout=0.5, cwd=tmp_path, output=tmp_path / "output")


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
        (
            FinishedProcess(1, b"", "/usr/lib/gcc/bin/ld: a/b.o: error: no /some/where/c.o\n"),
            "ld: a/b.o: error: no c.o",
        ),
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
