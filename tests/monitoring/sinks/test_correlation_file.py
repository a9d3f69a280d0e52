from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nano_u.errors import RunError
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks.correlation_file import CorrelationFile, load_history
from nano_u.monitoring.sinks.correlation_history import CorrelationHistory
from nano_u.monitoring.sinks.rows import Columns, StepRows, step_rows
from nano_u.redundancy import HISTOGRAM_BINS, LayerRedundancy

Records = Callable[..., StepRecord]
Layers = Callable[..., LayerRedundancy]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowDiskClock(Clock):
    """Every look at the clock finds a second gone: a save takes one."""

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def rows(record: Records) -> Callable[[int], StepRows]:
    return lambda step: step_rows(record(1, step), Columns.with_extra([]))


def saved_steps(path: Path) -> list[int]:
    with np.load(path) as arrays:
        return list(arrays["steps"].tolist())


def test_arrays_say_what_the_records_said(tmp_path: Path, record: Records, layer: Layers, broken_layer: Layers) -> None:
    history = CorrelationHistory()
    first = record(1, 10, layer("a", seed=1), layer("b", seed=2, channels=6))
    second = record(2, 20, layer("a", seed=3), broken_layer("b"), layer("late", seed=4))
    for one in (first, second):
        history.add(one)

    arrays = history.to_arrays()

    assert arrays["epochs"].tolist() == [1, 2]
    assert arrays["steps"].tolist() == [10, 20]
    assert arrays["layers"].tolist() == ["a", "b", "late"]
    assert arrays["recorded"].tolist() == [[True, True, False], [True, False, True]]
    np.testing.assert_allclose(arrays["bin_edges"], np.arange(HISTOGRAM_BINS + 1) / HISTOGRAM_BINS)
    assert tuple(arrays["histograms"][0, 1]) == first.layers[1].histogram
    assert tuple(arrays["histograms"][1, 2]) == second.layers[2].histogram
    assert not arrays["histograms"][1, 1].any()
    assert arrays["correlation_steps"].tolist() == [20, 10, 20]
    np.testing.assert_array_equal(arrays["correlation_0"], second.layers[0].correlation)
    np.testing.assert_array_equal(arrays["correlation_1"], first.layers[1].correlation)


def test_a_layer_without_any_matrix_has_none(record: Records, broken_layer: Layers) -> None:
    history = CorrelationHistory()
    history.add(record(1, 1, broken_layer("bad")))

    arrays = history.to_arrays()

    assert arrays["correlation_steps"].tolist() == [-1]
    assert "correlation_0" not in arrays


def test_forgetting_later_steps_forgets_their_matrices(record: Records, layer: Layers) -> None:
    history = CorrelationHistory()
    history.add(record(1, 10, layer("a"), layer("b")))
    history.add(record(2, 20, layer("a")))

    history.keep_until((1, 10))

    arrays = history.to_arrays()
    assert arrays["steps"].tolist() == [10]
    assert arrays["correlation_steps"].tolist() == [-1, 10]


def test_the_file_is_saved_at_the_first_step_then_every_thirty_seconds_and_at_the_end(
    tmp_path: Path, rows: Callable[[int], StepRows]
) -> None:
    path, clock = tmp_path / "x.npz", Clock()
    file = CorrelationFile(path, CorrelationHistory(), clock)

    file.write(rows(1))
    assert saved_steps(path) == [1]
    clock.now += 29.9
    file.write(rows(2))
    assert saved_steps(path) == [1]
    clock.now += 0.1
    file.write(rows(3))
    assert saved_steps(path) == [1, 2, 3]
    file.write(rows(4))
    file.flush()
    assert saved_steps(path) == [1, 2, 3, 4]
    file.write(rows(5))
    file.close()
    assert saved_steps(path) == [1, 2, 3, 4, 5]


def test_slow_saves_are_rarer(tmp_path: Path, rows: Callable[[int], StepRows]) -> None:
    path, clock = tmp_path / "x.npz", SlowDiskClock()
    file = CorrelationFile(path, CorrelationHistory(), clock)
    file.write(rows(1))

    clock.now += 45
    file.write(rows(2))
    assert saved_steps(path) == [1]
    clock.now += 5
    file.write(rows(3))
    assert saved_steps(path) == [1, 2, 3]


def test_nothing_new_is_nothing_to_write(tmp_path: Path, rows: Callable[[int], StepRows]) -> None:
    path = tmp_path / "x.npz"
    file = CorrelationFile(path, CorrelationHistory(), Clock())
    file.close()
    assert not path.exists()

    file.write(rows(1))
    path.unlink()
    file.flush()
    file.close()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"x\.npz: damaged or not a file of correlations"):
        load_history(path)


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, weights=np.ones(3))

    with pytest.raises(RunError, match=r"x\.npz: damaged or not a file of correlations"):
        load_history(path)
