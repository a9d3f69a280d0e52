from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.errors import ConfigError, RunError
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorPaths, RunFacts, check_writable, open_sinks
from nano_u.runs import atomic_path, read_json

FACTS = RunFacts("net", parameters=7)
Records = Callable[..., StepRecord]
CsvReader = Callable[[Path], list[dict[str, str]]]
JsonReader = Callable[[Path], list[dict[str, Any]]]
FullDisk = Callable[[], AbstractContextManager[None]]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_run(paths: MonitorPaths, record: Records, keys: list[tuple[int, int]], **options: Any) -> MonitorPaths:
    """A run that logged the given (epoch, step) and ended."""
    files = open_sinks(paths, FACTS, tensorboard=False, **options)
    for epoch, step in keys:
        files.write(record(epoch, step))
        files.write_epoch(epoch, epoch / 10)
    files.close()
    return files.paths


def keys_everywhere(
    paths: MonitorPaths, read_csv: CsvReader, read_json_lines: JsonReader
) -> dict[str, list[tuple[int, int]]]:
    with np.load(paths.correlations) as arrays:
        correlations = list(zip(arrays["epochs"].tolist(), arrays["steps"].tolist(), strict=True))
    return {
        "metrics": [(int(row["epoch"]), int(row["step"])) for row in read_csv(paths.metrics)],
        "layers": [(int(row["epoch"]), int(row["step"])) for row in read_csv(paths.layers)][::3],
        "json_lines": [(line["epoch"], line["step"]) for line in read_json_lines(paths.json_lines)],
        "correlations": correlations,
    }


def test_missing_folders_are_made(paths: MonitorPaths) -> None:
    open_sinks(paths, FACTS, tensorboard=False).close()

    assert {path.name for path in paths.metrics.parent.iterdir()} == {
        *("net_nas_metrics.csv", "net_nas_layers.csv", "net_nas.jsonl", "net_nas_run.json")
    }


def test_another_runs_files_stay_as_they_are_and_all_names_get_one_number(
    paths: MonitorPaths, record: Records, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2, 3):
        before = snapshot(paths.metrics.parent) if number > 1 else {}
        with caplog.at_level(logging.WARNING):
            used = write_run(paths, record, [(1, 1)])

        assert used == paths.numbered(number)
        after = snapshot(paths.metrics.parent)
        assert {name: after[name] for name in before} == before
    assert f"{paths.metrics} belongs to another run: writing {paths.numbered(3).metrics}" in caplog.text


@pytest.mark.parametrize("index", range(5))
def test_one_file_left_of_another_run_is_enough_for_a_number(paths: MonitorPaths, record: Records, index: int) -> None:
    left = paths.files()[index]
    left.parent.mkdir(parents=True)
    left.write_text("another's")

    used = write_run(paths, record, [(1, 1)])

    assert used == paths.numbered(2)
    assert left.read_text() == "another's"


def test_a_new_number_is_above_every_used_one(paths: MonitorPaths, record: Records) -> None:
    for _ in range(2):
        write_run(paths, record, [(1, 1)])
    for path in paths.files():
        path.unlink()

    assert write_run(paths, record, [(1, 1)]) == paths.numbered(3)


def test_a_resumed_run_goes_on_in_the_same_files_without_duplicates(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    first = write_run(paths, record, [(1, 10), (2, 20), (3, 25)])
    run_id = read_json(paths.run)["run_id"]

    resumed = write_run(paths, record, [(3, 30), (4, 40)], first_epoch=3)

    assert resumed == first
    expected = [(1, 10), (2, 20), (3, 30), (4, 40)]
    assert set(map(tuple, keys_everywhere(paths, read_csv, read_json_lines).values())) == {tuple(expected)}
    assert read_json(paths.run)["run_id"] == run_id
    assert read_json(paths.run)["validation_iou"] == [{"epoch": epoch, "iou": epoch / 10} for epoch in (1, 2, 3, 4)]


def test_a_resumed_run_leaves_what_one_run_would(paths: MonitorPaths, record: Records, tmp_path: Path) -> None:
    whole = MonitorPaths.of("net", tmp_path / "whole")
    keys = [(1, 10), (2, 20), (3, 30)]
    write_run(whole, record, keys)

    write_run(paths, record, keys[:2])
    write_run(paths, record, keys[2:], first_epoch=3)

    for one, other in zip(whole.files()[:3], paths.files()[:3], strict=True):
        assert one.read_bytes() == other.read_bytes()
    with np.load(whole.correlations) as one, np.load(paths.correlations) as other:
        assert set(one) == set(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("which", ["metrics", "layers", "json_lines"])
@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_torn_last_row_costs_its_step_in_every_file(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader, which: str, cut: int
) -> None:
    write_run(paths, record, [(1, 10), (2, 20)])
    torn: Path = getattr(paths, which)
    torn.write_bytes(torn.read_bytes()[:-cut])

    write_run(paths, record, [(3, 30)], first_epoch=3)

    assert set(map(tuple, keys_everywhere(paths, read_csv, read_json_lines).values())) == {((1, 10), (3, 30))}


@pytest.mark.parametrize("left", [b"", b"epoch,st", b'epoch,step,"x\n'])
def test_a_kill_in_the_header_is_mended(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader, left: bytes
) -> None:
    write_run(paths, record, [])
    paths.metrics.write_bytes(left)

    write_run(paths, record, [(2, 20)], first_epoch=2)

    assert set(map(tuple, keys_everywhere(paths, read_csv, read_json_lines).values())) == {((2, 20),)}


def test_a_tail_of_zero_bytes_is_dropped(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    write_run(paths, record, [(1, 10)])
    for path in (paths.metrics, paths.json_lines):
        path.write_bytes(path.read_bytes() + bytes(100))

    write_run(paths, record, [(2, 20)], first_epoch=2)

    assert set(map(tuple, keys_everywhere(paths, read_csv, read_json_lines).values())) == {((1, 10), (2, 20))}


def test_what_a_kill_left_of_a_save_goes_away(paths: MonitorPaths, record: Records) -> None:
    write_run(paths, record, [(1, 10)])
    names = set(paths.metrics.parent.iterdir())
    with atomic_path(paths.correlations) as temporary:
        temporary.write_bytes(paths.correlations.read_bytes())
    temporary.write_bytes(b"torn")

    write_run(paths, record, [(2, 20)], first_epoch=2)

    assert set(paths.metrics.parent.iterdir()) == names


def test_a_file_that_went_away_begins_anew_beside_the_others(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    write_run(paths, record, [(1, 10)])
    paths.json_lines.unlink()

    write_run(paths, record, [(2, 20)], first_epoch=2)

    keys = keys_everywhere(paths, read_csv, read_json_lines)
    assert keys["metrics"] == keys["layers"] == [(1, 10), (2, 20)]
    assert keys["json_lines"] == [(2, 20)]


def test_the_newest_numbered_files_are_continued(paths: MonitorPaths, record: Records, read_csv: CsvReader) -> None:
    write_run(paths, record, [(1, 1)])
    write_run(paths, record, [(1, 2)])

    used = write_run(paths, record, [(2, 3)], first_epoch=2)

    assert used == paths.numbered(2)
    assert [row["step"] for row in read_csv(used.metrics)] == ["2", "3"]
    assert [row["step"] for row in read_csv(paths.metrics)] == ["1"]


def test_a_late_start_without_files_begins_new_ones(paths: MonitorPaths, record: Records, read_csv: CsvReader) -> None:
    write_run(paths, record, [(5, 50)], first_epoch=5)

    assert [row["epoch"] for row in read_csv(paths.metrics)] == ["5"]


def test_other_columns_are_refused_by_name_and_nothing_is_changed(paths: MonitorPaths, record: Records) -> None:
    write_run(paths, record, [(1, 10), (2, 20)])
    before = snapshot(paths.metrics.parent)

    with pytest.raises(RunError, match=r"net_nas_layers\.csv: cannot be continued .* \(lacks 'mine'\); choose"):
        open_sinks(paths, FACTS, first_epoch=2, extra_metrics=["mine"], tensorboard=False)

    assert snapshot(paths.metrics.parent) == before


def test_another_models_files_are_not_continued(paths: MonitorPaths, record: Records) -> None:
    write_run(paths, record, [(1, 10)])

    with pytest.raises(RunError, match=r"net_nas_run\.json: belongs to a model with parameters 7, not 8"):
        open_sinks(paths, RunFacts("net", parameters=8), first_epoch=2, tensorboard=False)


def test_a_damaged_row_is_named_with_its_line(paths: MonitorPaths, record: Records) -> None:
    write_run(paths, record, [(1, 10), (2, 20)])
    lines = paths.metrics.read_text().splitlines(keepends=True)
    paths.metrics.write_text(lines[0] + "one,two\n" + lines[2])

    with pytest.raises(RunError, match=r"net_nas_metrics\.csv, line 2: damaged \(2 cells instead of 15\)"):
        open_sinks(paths, FACTS, first_epoch=3, tensorboard=False)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    paths = MonitorPaths.of("net", tmp_path / "file" / "nas")

    for check in (lambda: check_writable(paths), lambda: open_sinks(paths, FACTS)):
        with pytest.raises(RunError, match=r"file/nas: cannot be written \(Not a directory\); choose another log_dir"):
            check()


@pytest.mark.parametrize("tensorboard", [False, True])
def test_a_full_disk_is_found_at_opening_and_leaves_nothing(
    paths: MonitorPaths, full_disk: FullDisk, tensorboard: bool
) -> None:
    with full_disk(), pytest.raises(RunError, match=r"nas.*: cannot be written \(File too large\)"):
        check_writable(paths)
    with full_disk(), pytest.raises(RunError, match=r"net_nas_run\.json: cannot be written \(File too large\)"):
        open_sinks(paths, FACTS, tensorboard=tensorboard)

    assert snapshot(paths.metrics.parent) == {}


def test_a_tensorboard_folder_that_cannot_be_made_closes_and_removes_the_rest(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    paths = MonitorPaths.of("net", tmp_path / "file", tmp_path / "out" / "run.csv")

    with pytest.raises(RunError, match=r"file/tensorboard.*: cannot be written \(Not a directory\)"):
        open_sinks(paths, FACTS)

    assert list((tmp_path / "out").iterdir()) == []


def test_checking_a_folder_leaves_no_trace_in_it(paths: MonitorPaths) -> None:
    check_writable(paths)

    assert list(paths.metrics.parent.iterdir()) == []


def test_an_extra_metric_named_like_a_column_is_refused(paths: MonitorPaths) -> None:
    with pytest.raises(ConfigError, match="extra_metrics: 'trace' is a column already"):
        open_sinks(paths, FACTS, extra_metrics=["trace"])


def test_without_tensorboard_the_other_files_are_written_and_the_extra_is_named(
    paths: MonitorPaths,
    record: Records,
    read_csv: CsvReader,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)

    with caplog.at_level(logging.INFO):
        files = open_sinks(paths, FACTS)
    files.write(record(1, 1))
    files.close()

    assert [one.getMessage() for one in caplog.records] == [
        "no TensorBoard events: run: pip install 'nano-u[tensorboard]'"
    ]
    assert len(read_csv(paths.metrics)) == 1
    assert not paths.tensorboard.exists()
