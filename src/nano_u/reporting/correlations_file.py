"""The npz file of a monitor: how strongly channels correlate, over training and at its end."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import MAX_BYTES, read_bounded
from nano_u.runs import unpack_npz

Arrays = Mapping[str, npt.NDArray[Any]]

_NO_MATRIX = -1
_WHOLE, _REAL, _TRUTH, _TEXT = "iu", "f", "b", "U"  # kinds of NumPy's dtypes


@dataclass(frozen=True, eq=False)
class Correlations:
    """Histograms of abs(r) per step and layer, and each layer's last correlation matrix; arrays are read-only."""

    layers: tuple[str, ...]
    bin_edges: npt.NDArray[np.float64]
    """`(bins + 1,)`, ascending."""
    histograms: npt.NDArray[np.integer[Any]]
    """`(steps, layers, bins)` counts of live pairs, valid where `recorded`."""
    recorded: npt.NDArray[np.bool_]
    """`(steps, layers)`."""
    matrices: Mapping[str, npt.NDArray[np.float64]]
    """Layer -> its last `(channels, channels)` correlation, NaN in the rows and columns of dead channels."""


def read_correlations(path: Path) -> Correlations:
    """The file's content; RunError in one line where it is damaged or holds something else."""
    content = read_bounded(path)
    try:
        return _correlations(unpack_npz(content, max_bytes=MAX_BYTES))
    except ValueError as error:
        raise RunError(
            f"{path}: damaged or not a file of correlations ({error}); restore it, or remove it to go on without"
        ) from error


def _correlations(arrays: Arrays) -> Correlations:
    epochs, steps = _array(arrays, "epochs", _WHOLE, 1), _array(arrays, "steps", _WHOLE, 1)
    layers = tuple(_array(arrays, "layers", _TEXT, 1).tolist())
    bin_edges = _array(arrays, "bin_edges", _REAL, 1)
    histograms = _array(arrays, "histograms", _WHOLE, 3)
    recorded = _array(arrays, "recorded", _TRUTH, 2)
    last_steps = _array(arrays, "correlation_steps", _WHOLE, 1)
    _require(len(steps) == len(epochs), "steps and epochs differ in length")
    _require(histograms.shape == (len(steps), len(layers), len(bin_edges) - 1), "histograms have a wrong shape")
    _require(recorded.shape == (len(steps), len(layers)), "recorded has a wrong shape")
    _require(len(last_steps) == len(layers), "correlation_steps has a wrong shape")
    _require(len(set(layers)) == len(layers), "a layer is there twice")
    _require(bool(np.all(np.diff(bin_edges) > 0)), "bin_edges do not ascend")
    _require(not np.any(histograms < 0), "a count is negative")
    logged = zip(epochs.tolist(), steps.tolist(), strict=True)
    _require(all(earlier < later for earlier, later in itertools.pairwise(logged)), "steps do not ascend")
    matrices = {
        layer: _matrix(arrays, f"correlation_{index}")
        for index, (layer, step) in enumerate(zip(layers, last_steps.tolist(), strict=True))
        if step != _NO_MATRIX
    }
    return Correlations(layers, bin_edges, histograms, recorded, matrices)


def _matrix(arrays: Arrays, name: str) -> npt.NDArray[Any]:
    matrix = _array(arrays, name, _REAL, 2)
    _require(matrix.shape[0] == matrix.shape[1], f"{name} is not square")
    return matrix


def _array(arrays: Arrays, name: str, kinds: str, dimensions: int) -> npt.NDArray[Any]:
    _require(name in arrays, f"the array {name} is missing")
    array = arrays[name]
    _require(array.dtype.kind in kinds, f"{name} holds values of type {array.dtype}")
    _require(array.ndim == dimensions, f"{name} has {array.ndim} dimensions instead of {dimensions}")
    return array


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)
