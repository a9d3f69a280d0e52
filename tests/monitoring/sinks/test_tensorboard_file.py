from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorPaths, RunFacts, open_sinks
from nano_u.monitoring.sinks.rows import Columns, StepRows, step_rows
from nano_u.monitoring.sinks.tensorboard_file import TensorBoardFile
from nano_u.redundancy import LayerRedundancy

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

Records = Callable[..., StepRecord]
Layers = Callable[..., LayerRedundancy]
COLUMNS = Columns.with_extra([])


@pytest.fixture
def rows(record: Records) -> Callable[[int], StepRows]:
    return lambda step: step_rows(record(1, step), COLUMNS)


def steps(folder: Path, tag: str = "nas/redundancy_score") -> list[int]:
    return [event.step for event in event_accumulator.EventAccumulator(str(folder)).Reload().Scalars(tag)]


def test_a_continued_run_shows_each_step_once(tmp_path: Path, rows: Callable[[int], StepRows]) -> None:
    killed = TensorBoardFile(tmp_path)
    for step in (10, 20, 30):
        killed.write(rows(step))

    resumed = TensorBoardFile(tmp_path, first_step=21)
    for step in (25, 35):
        resumed.write(rows(step))
    resumed.close()
    killed.close()

    assert len(list(tmp_path.iterdir())) == 2
    assert steps(tmp_path) == [10, 20, 25, 35]


def test_opening_to_continue_keeps_the_last_step_before(tmp_path: Path, record: Records) -> None:
    paths = MonitorPaths.of("net", tmp_path)
    for first_epoch, keys in ((1, [(1, 10), (2, 20), (3, 30)]), (3, [(3, 25)])):
        files = open_sinks(paths, RunFacts("net"), first_epoch=first_epoch)
        for key in keys:
            files.write(record(*key))
        files.close()

    assert steps(paths.tensorboard) == [10, 20, 25]


def test_a_number_beyond_float32_is_absent(tmp_path: Path, record: Records, layer: Layers) -> None:
    file = TensorBoardFile(tmp_path)
    file.write(step_rows(record(1, 1, layer("conv", trace=1e39, decov=3.4e38)), COLUMNS))
    file.close()

    tags = event_accumulator.EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]
    assert "nas_layers/conv/decov" in tags
    assert "nas_layers/conv/trace" not in tags
    assert "nas/trace" not in tags


def test_text_and_truth_have_no_curve(tmp_path: Path, rows: Callable[[int], StepRows]) -> None:
    file = TensorBoardFile(tmp_path)
    file.write(rows(1))
    file.close()

    tags = event_accumulator.EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]
    names = {tag.rpartition("/")[2] for tag in tags}
    assert names & {"layer", "mode", "status", "reason", "reliable", "keep", "condition_at_floor"} == set()
    assert {"num_channels", "redundancy_score", "trace"} <= names


def test_a_full_disk_is_an_oserror_with_the_path(
    tmp_path: Path, rows: Callable[[int], StepRows], full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    file = TensorBoardFile(tmp_path)
    [path] = tmp_path.iterdir()

    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        file.write(rows(1))
    file.close()
    file.close()

    assert caught.value.filename == str(path)
