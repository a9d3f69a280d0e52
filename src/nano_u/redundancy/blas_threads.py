"""One BLAS thread while small matrices are worked on.

OpenBLAS wakes its workers even for the eigenvectors of a 32 x 32 matrix. On two cores that others use as well this took
up to nine times as long (2.4 ms instead of 0.26 for 64 x 64), and the workers then spin for a tenth of a second.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit NumPy's own OpenBLAS to one thread inside the block; with another BLAS nothing happens."""
    calls = _thread_calls()
    if calls is None:
        yield
        return
    get, put = calls
    before = get()
    if before == 1:
        yield
        return
    put(1)
    try:
        yield
    finally:
        put(before)


@cache
def _thread_calls() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """OpenBLAS' functions that read and set its number of threads, seen through NumPy's own library."""
    extension = sys.modules.get("numpy.linalg._umath_linalg")
    path = getattr(extension, "__file__", None)
    if path is None:
        return None
    library = ctypes.CDLL(path)
    for name in _NAMES:
        if hasattr(library, name.format("get")) and hasattr(library, name.format("set")):
            return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None
