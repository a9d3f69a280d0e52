from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nano_u.errors import RunError
from nano_u.runs import read_json, write_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=20)
@given(data=PLAIN)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.json"

    write_json(path, data)

    assert read_json(path) == data


def test_numpy_values_and_paths_become_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"

    write_json(path, {"iou": np.float32(0.5), "n": np.int64(3), "curve": np.eye(2), "path": Path("a/b"), "t": (1, 2)})

    assert json.loads(path.read_text()) == {
        "iou": 0.5,
        "n": 3,
        "curve": [[1.0, 0.0], [0.0, 1.0]],
        "path": "a/b",
        "t": [1, 2],
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan"), np.array([1.0, -np.inf])])
def test_a_number_that_json_lacks_is_refused_with_its_key_and_the_old_file_stays(tmp_path: Path, value: object) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"iou": 1.0})

    with pytest.raises(RunError, match=r"metrics\.json: test: iou.*(nan|inf) cannot be written as JSON"):
        write_json(path, {"test": {"iou": value}})

    assert read_json(path) == {"iou": 1.0}


def test_an_unknown_type_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"x\.json: layers\[1\]: a object cannot be written"):
        write_json(tmp_path / "x.json", {"layers": [1, object()]})


def test_a_key_that_is_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the key 1 is not text"):
        write_json(tmp_path / "x.json", {1: 2})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"iou": NaN}', "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "1e999 is too large"),
        (b'{"a": 1, "a": 2}', "duplicate key 'a'"),
        (b'{"a": 1', "damaged"),
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"\xef\xbb\xbf{}", "damaged"),
        (b"{} trailing", "damaged"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_damaged_or_lenient_json_is_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)

    with pytest.raises(RunError, match=rf"metrics\.json: .*{reason}"):
        read_json(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"metrics\.json: no such file"):
        read_json(tmp_path / "metrics.json")
