from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

# In a process of its own: it reconfigures logging, which closes pytest's handlers and silences every existing logger.
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_packages_import_downwards_only_and_the_quick_ones_never_reach_a_framework() -> None:
    done = subprocess.run([sys.executable, "-c", LINT], cwd=REPOSITORY, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
