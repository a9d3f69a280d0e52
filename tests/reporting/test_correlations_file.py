from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import MAX_BYTES
from nano_u.reporting.correlations_file import read_correlations

Arrays = dict[str, Any]


def arrays() -> Arrays:
    """Two steps, three layers of which the last never had a matrix, four bins."""
    return {
        "epochs": np.array([1, 2]),
        "steps": np.array([10, 20]),
        "layers": np.array(["a", "größe", "c"]),
        "bin_edges": np.linspace(0, 1, 5),
        "histograms": np.arange(24, dtype=np.uint32).reshape(2, 3, 4),
        "recorded": np.array([[True, False, False], [True, True, False]]),
        "correlation_steps": np.array([20, 10, -1]),
        "correlation_0": np.array([[1, -0.5], [-0.5, 1]]),
        "correlation_1": np.array([[1, np.nan], [np.nan, np.nan]]),
    }


def written(folder: Path, content: Arrays) -> Path:
    path = folder / "x.npz"
    np.savez(path, **content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_by_name_and_cannot_be_changed(tmp_path: Path, save: Callable[..., None]) -> None:
    path, wanted = tmp_path / "x.npz", arrays()
    save(path, **wanted)

    found = read_correlations(path)

    assert found.layers == ("a", "größe", "c")
    for name in ("bin_edges", "histograms", "recorded"):
        np.testing.assert_array_equal(getattr(found, name), wanted[name])
        assert not getattr(found, name).flags.writeable
    assert list(found.matrices) == ["a", "größe"]
    for index, matrix in enumerate(found.matrices.values()):
        np.testing.assert_array_equal(matrix, wanted[f"correlation_{index}"])
        assert not matrix.flags.writeable


def test_a_history_without_steps_has_none(tmp_path: Path) -> None:
    empty = arrays() | {
        "epochs": np.array([], np.int64),
        "steps": np.array([], np.int64),
        "layers": np.array([], np.str_),
        "histograms": np.zeros((0, 0, 4), np.uint32),
        "recorded": np.zeros((0, 0), np.bool_),
        "correlation_steps": np.array([], np.int64),
    }

    found = read_correlations(written(tmp_path, empty))

    assert (found.layers, dict(found.matrices)) == ((), {})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *(({name: None}, f"the array {name} is missing") for name in arrays()),
        ({"layers": np.array(["a", "b", "a"])}, "a layer is there twice"),
        ({"layers": np.array(["a", "b"])}, "histograms have a wrong shape"),
        ({"layers": np.array([b"a", b"b", b"c"])}, "layers holds values of type |S1"),
        ({"steps": np.array([10])}, "steps and epochs differ in length"),
        ({"steps": np.array([10.0, 20.0])}, "steps holds values of type float64"),
        ({"epochs": np.array([[1, 2]])}, "epochs has 2 dimensions instead of 1"),
        ({"epochs": np.array([2, 1])}, "steps do not ascend"),
        ({"epochs": np.array([1, 1]), "steps": np.array([10, 10])}, "steps do not ascend"),
        ({"bin_edges": np.array([0, 0.5, 0.5, 0.75, 1])}, "bin_edges do not ascend"),
        ({"bin_edges": np.array([0, np.nan, 0.5, 0.75, 1])}, "bin_edges do not ascend"),
        ({"bin_edges": np.linspace(0, 1, 6)}, "histograms have a wrong shape"),
        ({"histograms": np.full((2, 3, 4), -1)}, "a count is negative"),
        ({"histograms": np.ones((2, 3, 4))}, "histograms holds values of type float64"),
        ({"histograms": np.zeros((2, 4, 3), int)}, "histograms have a wrong shape"),
        ({"recorded": np.zeros((3, 2), bool)}, "recorded has a wrong shape"),
        ({"recorded": np.zeros((2, 3), int)}, "recorded holds values of type int64"),
        ({"correlation_steps": np.array([1])}, "correlation_steps has a wrong shape"),
        ({"correlation_1": np.zeros((2, 3))}, "correlation_1 is not square"),
        ({"correlation_1": np.zeros(4)}, "correlation_1 has 1 dimensions instead of 2"),
        ({"correlation_0": np.eye(2, dtype=complex)}, "correlation_0 holds values of type complex128"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, changed: Arrays, message: str) -> None:
    content = {name: array for name, array in (arrays() | changed).items() if array is not None}

    with pytest.raises(RunError, match=re.escape("x.npz: damaged or not a file of correlations (" + message)):
        read_correlations(written(tmp_path, content))


class Trap:
    """Whoever unpickles it is told so by the file system."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_pickled_objects_are_refused_and_not_run(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "run"), None, None], dtype=object)
    path = tmp_path / "x.npz"
    np.savez(path, allow_pickle=True, **arrays() | {"layers": trap})

    with pytest.raises(RunError, match=r"x\.npz: damaged .*allow_pickle=False"):
        read_correlations(path)

    assert not (tmp_path / "run").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.npy", "w") as member:
        for _ in range(MAX_BYTES // 2**22 + 1):
            member.write(bytes(2**22))

    with pytest.raises(RunError, match=r"unpacks to more than 268,435,456 bytes"):
        read_correlations(path)


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "<i8", "fortran_order": False, "shape": (2**50,)})
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("steps.npy", npy.getvalue())

    with pytest.raises(RunError, match=r"x\.npz: damaged"):
        read_correlations(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text", b"\x93NUMPY"])
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"x\.npz: damaged or not a file of correlations .* restore it") as caught:
        read_correlations(path)

    assert "\n" not in str(caught.value)


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, arrays())
    whole = path.read_bytes()

    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match=r"x\.npz: damaged"):
            read_correlations(path)
