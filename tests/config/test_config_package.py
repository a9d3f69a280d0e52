from __future__ import annotations

import subprocess
import sys

import nano_u.config


def test_all_names_what_is_there() -> None:
    assert list(nano_u.config.__all__) == sorted(nano_u.config.__all__)
    assert all(hasattr(nano_u.config, name) for name in nano_u.config.__all__)


def test_importing_the_configuration_loads_nothing_heavy() -> None:
    heavy = ("tensorflow", "keras", "numpy", "matplotlib")
    code = f"import sys, nano_u.config; print([name for name in {heavy} if name in sys.modules])"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
