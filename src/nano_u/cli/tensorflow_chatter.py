"""Keeps what TensorFlow's C++ code writes to stderr while it is imported out of the user's sight.

TF_CPP_MIN_LOG_LEVEL does not reach the lines written before its logger is set up (oneDNN, CUDA plug-ins).
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_STDERR = 2
_CHATTER = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} |[IW]0000 |E\d{4} .*Unable to register")


def silence_tensorflow_import() -> None:
    """Arrange for the first import of TensorFlow in this process, whoever does it, to be quiet."""
    if "tensorflow" in sys.modules or any(isinstance(finder, _QuietTensorFlow) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _QuietTensorFlow())


def hear_tensorflow_import() -> None:
    """Undo `silence_tensorflow_import`."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _QuietTensorFlow)]


class _QuietTensorFlow(MetaPathFinder):
    """Finds `tensorflow` as usual, once, and wraps the execution of its `__init__`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        hear_tensorflow_import()
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_quietly(module: ModuleType) -> None:
            with without_chatter():
                execute(module)

        spec.loader.exec_module = execute_quietly  # type: ignore[method-assign]
        return spec


@contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back what is written to the file descriptor of stderr; at the end pass on what is not known chatter."""
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(_STDERR, line)
