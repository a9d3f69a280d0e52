from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nano_u.redundancy.blas_threads import _thread_calls, one_blas_thread

SCRIPT = """
import numpy
from nano_u.redundancy.blas_threads import _thread_calls, one_blas_thread
get, _ = _thread_calls()
before = get()
try:
    with one_blas_thread():
        inside = get()
        with one_blas_thread():
            pass
        nested = get()
        raise KeyError
except KeyError:
    print(before, inside, nested, get())
"""


def test_one_thread_inside_and_as_many_as_before_outside() -> None:
    if _thread_calls() is None:
        pytest.skip("NumPy was built with another BLAS")
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True, text=True)

    before, inside, nested, after = map(int, done.stdout.split())
    assert (inside, nested) == (1, 1)
    assert after == before


def test_the_block_runs_in_any_case() -> None:
    ran = False
    with one_blas_thread():
        ran = True

    assert ran
