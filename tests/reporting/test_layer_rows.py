from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nano_u.errors import RunError
from nano_u.redundancy import SCALAR_FIELDS, LayerRedundancy
from nano_u.reporting.layer_rows import _READERS, LayerRows, read_layer_rows

GOOD = {
    "epoch": "1",
    "step": "10",
    "layer": "conv",
    "mode": "inference",
    "status": "ok",
    "reason": "",
    "num_channels": "16",
    "sampled_channels": "8",
    "samples": "4096",
    "images": "64",
    "effective_samples": "512.5",
    "reliable": "true",
    "redundancy_score": "0.5",
    "score_low": "0.4",
    "score_high": "0.6",
    "removable": "0.25",
    "removable_reason": "",
    "keep": "0 2 15",
    "correlation_mean": "0.25",
    "correlation_std": "0.125",
    "correlation_max": "1.0",
    "trace": "1e-30",
    "dominance": "0.75",
    "condition_number": "524288.0",
    "condition_at_floor": "true",
    "rank": "7",
    "dead_channels": "1",
    "off_diagonal_norm": "0.5",
    "decov": "0.0",
}
EMPTY = dict.fromkeys(GOOD, "") | {
    "epoch": "2",
    "step": "20",
    "layer": "gate",
    "mode": "training",
    "status": "one_channel",
    "num_channels": "1",
    "samples": "0",
    "images": "0",
    "reliable": "false",
    "condition_at_floor": "false",
}


def read(folder: Path, *rows: dict[str, str]) -> LayerRows:
    path = folder / "x.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_layer_rows(path, {(1, 10), (2, 20)}, folder / "metrics.csv")


def test_a_row_is_the_record_it_was_written_from(tmp_path: Path) -> None:
    rows = read(tmp_path, GOOD, EMPTY)

    assert rows.of_step[1, 10] == (
        LayerRedundancy(
            layer="conv",
            mode="inference",
            status="ok",
            reason=None,
            num_channels=16,
            sampled_channels=8,
            samples=4096,
            images=64,
            effective_samples=512.5,
            reliable=True,
            redundancy_score=0.5,
            score_low=0.4,
            score_high=0.6,
            removable=0.25,
            removable_reason=None,
            keep=(0, 2, 15),
            correlation_mean=0.25,
            correlation_std=0.125,
            correlation_max=1.0,
            trace=1e-30,
            dominance=0.75,
            condition_number=524288.0,
            condition_at_floor=True,
            rank=7,
            dead_channels=1,
            off_diagonal_norm=0.5,
            decov=0.0,
        ),
    )
    (gate,) = rows.of_step[2, 20]
    defined = {name: value for name, value in gate.scalars().items() if value is not None}
    assert defined == {
        "layer": "gate",
        "mode": "training",
        "status": "one_channel",
        "num_channels": 1,
        "samples": 0,
        "images": 0,
        "reliable": False,
        "condition_at_floor": False,
    }
    assert (rows.last_line, rows.end_line) == ({(1, 10): 2, (2, 20): 3}, 3)


def test_further_columns_are_the_callers_metrics(tmp_path: Path) -> None:
    rows = read(tmp_path, GOOD | {"mine": "-2.5", "other": ""})

    assert rows.of_step[1, 10][0].extra == {"mine": -2.5, "other": None}


def test_every_field_of_a_record_has_its_reader() -> None:
    assert tuple(_READERS) == ("epoch", "step", *SCALAR_FIELDS)


@pytest.mark.parametrize("name", GOOD)
def test_every_column_is_required(tmp_path: Path, name: str) -> None:
    without = {key: cell for key, cell in GOOD.items() if key != name}

    with pytest.raises(RunError, match=rf"x\.csv: line 1: missing columns {name};"):
        read(tmp_path, without)


SHARES = (
    "redundancy_score",
    "score_low",
    "score_high",
    "removable",
    "dominance",
    "correlation_mean",
    "correlation_std",
    "correlation_max",
)
COUNTS = ("num_channels", "sampled_channels", "samples", "images", "rank", "dead_channels")
SIZES = ("effective_samples", "trace", "off_diagonal_norm", "decov")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *(({name: "1.01"}, f"{name}: '1.01' is not between 0 and 1") for name in SHARES),
        *(({name: "-0.01"}, f"{name}: '-0.01' is not between 0 and 1") for name in SHARES),
        *(({name: "-1"}, f"{name}: '-1' is not a whole number of 0 or more") for name in COUNTS),
        *(({name: "1.5"}, f"{name}: '1.5' is not a whole number") for name in COUNTS),
        *(({name: "-1"}, f"{name}: '-1' is not a finite number of 0 or more") for name in SIZES),
        *(({name: ""}, f"{name}: '' is not a whole number") for name in ("num_channels", "samples", "images")),
        *(({name: ""}, f"{name}: '' is neither true nor false") for name in ("reliable", "condition_at_floor")),
        ({"condition_number": "0.9"}, "condition_number: '0.9' is not a finite number of 1 or more"),
        ({"layer": ""}, "layer: the cell is empty"),
        ({"mode": "test"}, "mode: 'test' is none of training, inference"),
        ({"status": "fine"}, "status: 'fine' is none of ok, non_finite"),
        ({"keep": "1 0"}, "keep: '1 0' does not ascend"),
        ({"keep": "0 16"}, "keep: there is no channel 16 among 16"),
        ({"trace": "nan"}, "trace: 'nan' is no value"),
        ({"step": "11"}, "epoch 1, step 11 is not in metrics.csv; remove its rows, or resume the training"),
    ],
)
def test_a_cell_that_no_record_has_is_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(RunError, match=re.escape(f"x.csv: line 2: {message}")):
        read(tmp_path, GOOD | changed)


def test_a_callers_metric_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"line 2: mine: 'x' is not a number"):
        read(tmp_path, GOOD | {"mine": "x"})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD, GOOD], "line 3: the layer 'conv' is there twice in its step"),
        ([EMPTY, GOOD], "line 3: epoch 1, step 10 comes after epoch 2, step 20"),
        ([GOOD, EMPTY, GOOD | {"layer": "late"}], "line 4: epoch 1, step 10 comes after epoch 2, step 20"),
    ],
)
def test_rows_that_no_monitor_wrote_in_this_order_are_refused(tmp_path: Path, rows: Any, message: str) -> None:
    with pytest.raises(RunError, match=re.escape(f"x.csv: {message}")):
        read(tmp_path, *rows)
