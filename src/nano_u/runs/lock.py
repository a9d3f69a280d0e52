"""One writer per run directory.

The operating system's lock decides on one machine and vanishes with its holder, also after kill -9. What stands in the
file (process, host, start; the time of the last heartbeat is the file's own) decides where that lock does not reach: on
a shared disk seen from another host, and for programs that only read the file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nano_u.errors import RunError

HEARTBEAT_SECONDS = 30.0

_FLOCK_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


@dataclass(frozen=True)
class Owner:
    """Who holds a lock; `started` is in seconds since 1970."""

    pid: int
    host: str
    started: float


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock file for the duration of the block; RunError while another process holds it.

    A lock whose process is dead on this host is taken over; one from another host never is.
    """
    descriptor = _acquire(path)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(descriptor, stop), name="nano-u run lock", daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock_or_refuse(descriptor, path)
            if not _is_still(descriptor, path):  # its holder removed it between our open and our lock
                os.close(descriptor)
                continue
            owner = _read_owner(descriptor)
            if owner is not None and not _is_dead_here(owner):
                raise _in_use(path, owner)
            _write_owner(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _lock_or_refuse(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _in_use(path, _read_owner(descriptor)) from error
    except OSError as error:
        if error.errno not in _FLOCK_UNSUPPORTED:
            raise


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read_owner(descriptor: int) -> Owner | None:
    """The owner named in the file; None where it is empty or torn."""
    try:
        fields = json.loads(os.pread(descriptor, 4096, 0))
        return Owner(int(fields["pid"]), str(fields["host"]), float(fields["started"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write_owner(descriptor: int) -> None:
    owner = Owner(os.getpid(), socket.gethostname(), time.time())
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(owner)).encode(), 0)
    os.fsync(descriptor)


def _is_dead_here(owner: Owner) -> bool:
    if owner.host != socket.gethostname():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # alive, another user's
        return False
    return False


def _in_use(path: Path, owner: Owner | None) -> RunError:
    if owner is None:
        return RunError(f"{path.parent}: in use by another process; wait for it or choose another run directory")
    try:
        silence = f"{max(0.0, time.time() - path.stat().st_mtime):.0f} s ago"
    except FileNotFoundError:
        silence = "unknown"
    return RunError(
        f"{path.parent}: in use by process {owner.pid} on {owner.host} (last heartbeat: {silence}); "
        f"wait for it, choose another run directory, or remove {path} if that process is gone"
    )


def _beat(descriptor: int, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        os.utime(descriptor)
