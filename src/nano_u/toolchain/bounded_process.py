"""A program run for a limited time with everything it says caught; at the limit it is stopped with its children."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import DeployError

_REASON = re.compile(r"\b(error|fatal|undefined reference)\b", re.IGNORECASE)
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:]+/)+")
_SUMMARY = re.compile(r"ld returned \d+ exit status|linker command failed")  # the line above it says why

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class FinishedProcess:
    """A program that ended by itself; a negative `returncode` is the signal that ended it."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """The first line of standard error that names an error, else its first line, else the way the program ended.

        Paths in it are without the folders of this machine.
        """
        lines = [_FOLDERS.sub("", line.strip()) for line in self.stderr.splitlines() if line.strip()]
        for line in lines:
            if _REASON.search(line) and not _SUMMARY.search(line):
                return line
        if lines:
            return lines[0]
        if self.returncode < 0:
            return f"stopped by {signal.Signals(-self.returncode).name}"
        return f"exit status {self.returncode}"


def run_bounded(
    command: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    output: Path | None = None,
) -> FinishedProcess:
    """What `command` wrote and how it ended, whatever its exit status; `environment` adds to this process' own.

    Raises DeployError, naming the program, when it cannot be started or runs longer than `timeout` seconds. With
    `output`, a file that the program lengthens as it goes on, those are the seconds without a byte more in it.
    """
    name = Path(command[0]).name
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=source,  # a file, since `communicate` forgets what is left to write after a time-out
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # a compiler's own children can then be stopped with it
            )
        except OSError as error:
            raise DeployError(f"{name} cannot be started: {error}") from error
    with process:
        try:
            stdout, stderr = _communicate(process, timeout, output)
        except BaseException as error:
            _kill_with_children(process.pid)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            what = "ran longer than" if output is None else "gave nothing for"
            raise DeployError(f"{name} {what} {timeout:g} s and was stopped") from error
    return FinishedProcess(process.returncode, stdout, stderr.decode(errors="replace"))


def _communicate(process: subprocess.Popen[bytes], timeout: float, output: Path | None) -> tuple[bytes, bytes]:
    """Standard output and error; raises TimeoutExpired after so many seconds without an end or more output."""
    pause = timeout if output is None else min(timeout, _LOOK_SECONDS)
    size, since = 0, time.monotonic()
    while True:
        try:
            return process.communicate(timeout=pause)
        except subprocess.TimeoutExpired:
            if output is None:
                raise
            now, found = time.monotonic(), output.stat().st_size if output.exists() else 0
            if found != size:
                size, since = found, now
            elif now - since >= timeout:
                raise


def _kill_with_children(leader: int) -> None:
    """Also where the leader has ended and a child of it goes on; macOS forbids to kill a group that has none left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
