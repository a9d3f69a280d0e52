"""A size that does not divide: one clear line with sizes that fit, exit code not 0, no traceback."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ("--input-shape 50 64 3", "input height 50 is not divisible by 4 .*; use 48 or 52"),
        ("--input-shape 48 63 3", "input width 63 is not divisible by 4 .*; use 60 or 64"),
        ("--input-shape 60 80 3 --filters 4 8 16", "input height 60 is not divisible by 8 .*; use 56 or 64"),
        ("--model bu_net --input-shape 4 64 3", "input height 4 is not divisible by 8 .*; use 8"),
    ],
)
def test_a_size_that_does_not_divide_is_one_line_naming_sizes_that_fit(arguments: str, remedy: str) -> None:
    script = "import sys; from nano_u.cli.main import main; sys.exit(main())"

    done = subprocess.run(
        [sys.executable, "-c", script, "estimate", *arguments.split()], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert done.stdout == ""
    assert re.fullmatch(f"nano-u: error: {remedy}\n", done.stderr)
