"""Standard error of native code, caught at the file descriptor: Python's own redirection does not reach C++."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

STDERR = 2


class CapturedStderr:
    """What was written to file descriptor 2 inside `captured_stderr()`."""

    def __init__(self, file: IO[bytes], saved: int) -> None:
        self._file = file
        self._saved = saved

    @property
    def text(self) -> str:
        """Everything caught so far."""
        _flush()
        self._file.seek(0)
        return self._file.read().decode(errors="replace")

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the real standard error back for a moment, to let a callback draw on it."""
        _point_stderr_at(self._saved)
        try:
            yield
        finally:
            _point_stderr_at(self._file.fileno())


@contextmanager
def captured_stderr() -> Iterator[CapturedStderr]:
    """Collect everything that this process writes to standard error, native libraries included."""
    saved = _duplicate_of_stderr()
    with tempfile.TemporaryFile() as file:
        captured = CapturedStderr(file, saved)
        _point_stderr_at(file.fileno())
        try:
            yield captured
        finally:
            _point_stderr_at(saved)
            os.close(saved)


def _duplicate_of_stderr() -> int:
    try:
        return os.dup(STDERR)
    except OSError:  # a process without standard error gets one that leads nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != STDERR:
            os.dup2(nowhere, STDERR)
            os.close(nowhere)
        return os.dup(STDERR)


def _point_stderr_at(descriptor: int) -> None:
    _flush()
    os.dup2(descriptor, STDERR)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
