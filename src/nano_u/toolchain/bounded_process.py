"""A program run for a limited time with everything it says caught; it and its children are stopped at the limit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import DeployError

_REASON = re.compile(r"\b(error|fatal|undefined reference)\b", re.IGNORECASE)
_SUMMARY = re.compile(r"ld returned \d+ exit status|linker command failed")  # the line above it says why


@dataclass(frozen=True)
class FinishedProcess:
    """A program that ended by itself; a negative `returncode` is the signal that ended it."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def reason(self) -> str:
        """The first line of standard error that names an error, else its first line, else the way the program ended."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
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
) -> FinishedProcess:
    """What `command` wrote and how it ended, whatever its exit status; `environment` adds to this process' own.

    Raises DeployError, naming the program, when it cannot be started or runs longer than `timeout` seconds.
    """
    name = Path(command[0]).name
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
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
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise DeployError(f"{name} ran longer than {timeout:g} s and was stopped") from error
        finally:
            if process.poll() is None:
                _kill_with_children(process.pid)
    return FinishedProcess(process.returncode, stdout, stderr.decode(errors="replace"))


def _kill_with_children(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
