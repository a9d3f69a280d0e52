from __future__ import annotations

import subprocess
import sys

import pytest

import nano_u.capture


def test_names_load_on_first_use() -> None:
    script = "import sys, nano_u.capture; print({'tensorflow', 'keras'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "set()"


def test_every_promised_name_is_there() -> None:
    for name in nano_u.capture.__all__:
        assert getattr(nano_u.capture, name).__name__ == name


def test_the_earlier_name_of_collapse_spatial_still_works() -> None:
    assert nano_u.capture._collapse_spatial_to_channels is nano_u.capture.collapse_spatial


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Extractor'"):
        _ = nano_u.capture.Extractor
