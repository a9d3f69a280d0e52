"""A text file that grows by whole rows."""

from __future__ import annotations

from pathlib import Path


class AppendFile:
    """Every write has left the process when it returns: a kill can tear the last row and no other.

    An OSError carries the path also where the system names no file (disk full).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)  # nothing stays behind that `close` could fail to write

    def write(self, text: str) -> None:
        """Append `text`, which ends in a line end."""
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            error.filename = str(self._path)
            raise

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()
