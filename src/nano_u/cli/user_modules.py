"""The user's own Python, imported so that the Keras classes registered in it can be loaded from model files."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from nano_u.errors import ConfigError


def import_user_modules(names: Iterable[str]) -> None:
    """Import each name: a `.py` file, or a module that Python finds, also in the current folder.

    Raises ConfigError, in one line, for what cannot be imported.
    """
    for name in names:
        try:
            _import(name)
        except Exception as error:  # whatever the user's code raises
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise ConfigError(f"--import {name}: {reason}") from error


def _import(name: str) -> None:
    if not name.endswith(".py"):
        here = str(Path.cwd())
        sys.path.insert(0, here)
        try:
            importlib.import_module(name)
        finally:
            sys.path.remove(here)
        return
    path = Path(name).resolve()
    if path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) == str(path):
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
