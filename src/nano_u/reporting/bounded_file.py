"""Reading a file whole, after its size was looked at."""

from __future__ import annotations

from pathlib import Path

from nano_u.errors import RunError

MAX_BYTES = 256 * 1024 * 1024
"""No file of a monitor comes near it; a larger one is something else and would fill the memory."""


def read_bounded(path: Path) -> bytes:
    """The content of a file of at most `MAX_BYTES`; RunError where it is missing, larger or no file."""
    require_bounded(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error


def require_bounded(path: Path) -> None:
    """RunError unless `path` is a file of at most `MAX_BYTES`; nothing is read."""
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except FileNotFoundError as error:
        raise RunError(f"{path}: no such file") from error
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    if not is_file:
        raise RunError(f"{path}: not a file; give the file that the monitor wrote")
    if size > MAX_BYTES:
        raise RunError(f"{path}: {size:,} bytes, more than the {MAX_BYTES:,} that are read; give a file of the monitor")
