from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.html.small_run import write_small_run


@pytest.fixture(scope="session")
def complete_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete small run, for reading only."""
    return write_small_run(tmp_path_factory.mktemp("complete") / "run")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A complete small run; tests may damage it."""
    return write_small_run(tmp_path / "run")
