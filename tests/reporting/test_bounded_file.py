from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import MAX_BYTES, read_bounded, require_bounded


def test_a_file_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\r\n\0\xff")

    assert read_bounded(path) == b"\r\n\0\xff"


def test_a_file_above_the_limit_is_refused_unread_and_one_at_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    os.truncate(path, MAX_BYTES)  # a hole: no disk is filled
    require_bounded(path)

    os.truncate(path, MAX_BYTES + 1)

    with pytest.raises(RunError, match=r"x: 268,435,457 bytes, more than the 268,435,456 that are read"):
        read_bounded(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path, reason in (
        (tmp_path, "not a file"),
        (tmp_path / "pipe", "not a file"),
        (tmp_path / "none", "no such file"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long)"),
    ):
        with pytest.raises(RunError, match=re.escape(f"{path}: {reason}")):
            read_bounded(path)
