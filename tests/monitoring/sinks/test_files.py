from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorPaths, RunFacts, Sink, open_sinks
from nano_u.redundancy import MODEL_SCALAR_FIELDS, SCALAR_FIELDS, LayerRedundancy
from nano_u.runs import read_json

FACTS = RunFacts("net")
Records = Callable[..., StepRecord]
Layers = Callable[..., LayerRedundancy]
CsvReader = Callable[[Path], list[dict[str, str]]]
JsonReader = Callable[[Path], list[dict[str, Any]]]


def literal(value: object) -> str:
    """How a value of the JSON Lines file stands in a CSV cell."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value if isinstance(value, str) else repr(value)


def tensorboard_scalars(folder: Path) -> dict[tuple[str, int], float]:
    """Every value that TensorBoard itself reads from the folder, by tag and step."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["tensors"] + events.Tags()["scalars"]
    assert events.Tags()["tensors"] == []
    return {(tag, event.step): event.value for tag in tags for event in events.Scalars(tag)}


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def test_every_file_holds_the_same_values(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    files: Sink = open_sinks(paths, FACTS)
    for step in (1, 2):
        files.write(record(epoch=step, step=10 * step))
    files.close()

    lines = read_json_lines(paths.json_lines)
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 10), (2, 20)]
    expected = record(epoch=1, step=10)
    assert lines[0]["model"] == expected.model.scalars()
    assert lines[0]["layers"] == [layer.scalars() for layer in expected.layers]

    keys = [{"epoch": line["epoch"], "step": line["step"]} for line in lines]
    assert read_csv(paths.metrics) == [
        {name: literal(value) for name, value in {**key, **line["model"]}.items()}
        for key, line in zip(keys, lines, strict=True)
    ]
    assert read_csv(paths.layers) == [
        {name: literal(value) for name, value in {**key, **layer}.items()}
        for key, line in zip(keys, lines, strict=True)
        for layer in line["layers"]
    ]
    assert tensorboard_scalars(paths.tensorboard) == {
        (tag, line["step"]): float(np.float32(value))
        for line in lines
        for tag, value in [
            *((f"nas/{name}", value) for name, value in line["model"].items()),
            *((f"nas_layers/{row['layer']}/{name}", value) for row in line["layers"] for name, value in row.items()),
        ]
        if is_number(value)
    }


def test_columns_stand_in_the_promised_order(paths: MonitorPaths) -> None:
    open_sinks(paths, FACTS, extra_metrics=["mine"]).close()

    header = paths.metrics.read_text().splitlines()[0].split(",")
    assert header[:7] == [
        *("epoch", "step", "redundancy_score", "correlation_mean", "correlation_std", "trace", "condition_number")
    ]
    assert header == ["epoch", "step", *MODEL_SCALAR_FIELDS, "mine"]
    assert paths.layers.read_text() == ",".join(["epoch", "step", *SCALAR_FIELDS, "mine"]) + "\n"
    assert SCALAR_FIELDS[0] == "layer"


def test_a_layer_with_nan_has_empty_cells_and_its_status(
    paths: MonitorPaths, record: Records, broken_layer: Layers, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    files = open_sinks(paths, FACTS, extra_metrics=["mine"])
    files.write(record(1, 1, broken_layer("bad", extra={"mine": float("nan")})))
    files.close()

    [row] = read_csv(paths.layers)
    assert (row["layer"], row["status"], row["reason"]) == ("bad", "non_finite", "NaN in 3 of 4 channels")
    assert row["redundancy_score"] == row["trace"] == row["keep"] == row["mine"] == ""
    [line] = read_json_lines(paths.json_lines)
    assert line["layers"][0]["redundancy_score"] is None
    assert line["layers"][0]["mine"] is None
    tags = {tag for tag, _ in tensorboard_scalars(paths.tensorboard)}
    assert "nas_layers/bad/num_channels" in tags
    assert "nas_layers/bad/redundancy_score" not in tags


def test_names_with_commas_quotes_and_line_ends_come_back_whole(
    paths: MonitorPaths, record: Records, layer: Layers, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    names = ['a,b "c"', "two\nlines", "=cmd|'x'", "ünder/ein"]
    files = open_sinks(paths, FACTS, tensorboard=False)
    files.write(record(1, 1, *(layer(name) for name in names)))
    files.close()

    assert [row["layer"] for row in read_csv(paths.layers)] == names
    assert [row["layer"] for row in read_json_lines(paths.json_lines)[0]["layers"]] == names


def test_numpy_numbers_of_a_callers_metric_are_written_as_plain_ones(
    paths: MonitorPaths, record: Records, layer: Layers, read_csv: CsvReader
) -> None:
    files = open_sinks(paths, FACTS, extra_metrics=["mine", "other"], tensorboard=False)
    files.write(record(1, 1, layer("conv", extra={"mine": np.float64(0.1), "other": np.float32(0.5)})))
    files.close()

    [row] = read_csv(paths.layers)
    assert (row["mine"], row["other"]) == ("0.1", "0.5")


def test_a_metric_without_a_column_is_never_dropped_in_silence(
    paths: MonitorPaths, record: Records, layer: Layers
) -> None:
    files = open_sinks(paths, FACTS, tensorboard=False)

    with pytest.raises(ValueError, match="no column for mine"):
        files.write(record(1, 1, layer("conv", extra={"mine": 1.0})))

    files.close()


def test_every_row_is_in_the_file_when_write_returns(
    paths: MonitorPaths, record: Records, read_csv: CsvReader, read_json_lines: JsonReader
) -> None:
    files = open_sinks(paths, FACTS)
    for step in (1, 2, 3):
        files.write(record(1, step))

        assert len(read_csv(paths.metrics)) == len(read_json_lines(paths.json_lines)) == step
        assert len(read_csv(paths.layers)) == 3 * step
        assert max(at for _, at in tensorboard_scalars(paths.tensorboard)) == step
    files.close()


def test_flushing_saves_what_is_otherwise_saved_rarely(paths: MonitorPaths, record: Records) -> None:
    seconds = iter(range(1000))
    files = open_sinks(paths, FACTS, tensorboard=False, clock=lambda: float(next(seconds)))
    for epoch in (1, 2):
        files.write(record(epoch, epoch))
        files.write_epoch(epoch, 0.5)

    files.flush()

    with np.load(paths.correlations) as arrays:
        assert arrays["epochs"].tolist() == [1, 2]
    assert [row["epoch"] for row in read_json(paths.run)["validation_iou"]] == [1, 2]
    files.close()


def test_a_full_disk_is_an_error_with_the_path_and_closing_still_closes_everything(
    paths: MonitorPaths, record: Records, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    files = open_sinks(paths, FACTS)
    files.write(record(1, 1))
    before = paths.metrics.read_bytes()

    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        files.write(record(1, 2))
    files.close()
    files.close()

    assert caught.value.filename == str(paths.layers)
    assert paths.metrics.read_bytes() == before
    with pytest.raises(ValueError, match="closed file"):
        files.write(record(1, 3))


def test_files_close_when_the_last_save_fails(
    paths: MonitorPaths, record: Records, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    files = open_sinks(paths, FACTS, tensorboard=False, clock=lambda: 0.0)
    for step in (1, 2):
        files.write(record(1, step))

    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        files.close()
    files.close()

    assert caught.value.filename == str(paths.correlations)
    with np.load(paths.correlations) as arrays:
        assert arrays["steps"].tolist() == [1]
