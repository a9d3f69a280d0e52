from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.redundancy import MODEL_SCALAR_FIELDS, SCALAR_FIELDS
from nano_u.reporting.logged_steps import REQUIRED, LoggedStep, read_logged_steps

HEADER = ",".join(REQUIRED)
ROW = "1,10,0.5,0.25,0.125,3.5,100.0"


def written(folder: Path, text: str) -> Path:
    path = folder / "x.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_is_the_field_of_its_name(tmp_path: Path) -> None:
    text = f"{HEADER},mine,num_layers\n{ROW},-7.5,3\n2,20,,,,,,,0\n"

    steps = read_logged_steps(written(tmp_path, text), None)

    assert steps == (
        LoggedStep(1, 10, 0.5, 0.25, 0.125, 3.5, 100.0, 3.0, ()),
        LoggedStep(2, 20, None, None, None, None, None, 0.0, ()),
    )


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    in_order = read_logged_steps(written(tmp_path, f"{HEADER}\n{ROW}\n"), None)
    backwards = ",".join(reversed(REQUIRED)) + "\n" + ",".join(reversed(ROW.split(","))) + "\n"

    assert read_logged_steps(written(tmp_path, backwards), None) == in_order


def test_columns_of_notes_and_of_nothing_are_no_damage(tmp_path: Path) -> None:
    text = f"{HEADER},note,empty\n{ROW},first try,\n2,20,,,,,,,\n"

    steps = read_logged_steps(written(tmp_path, text), None)

    assert [(step.redundancy_score, step.num_layers) for step in steps] == [(0.5, None), (None, None)]


def test_a_later_epoch_may_count_its_steps_anew(tmp_path: Path) -> None:
    text = f"{HEADER}\n1,10,,,,,\n2,5,,,,,\n2,6,,,,,\n"

    steps = read_logged_steps(written(tmp_path, text), None)

    assert [(step.epoch, step.step) for step in steps] == [(1, 10), (2, 5), (2, 6)]


def test_the_required_columns_are_the_fields_of_a_step_and_the_monitor_writes_them() -> None:
    assert tuple(field.name for field in fields(LoggedStep))[: len(REQUIRED)] == REQUIRED
    assert REQUIRED[2:] == MODEL_SCALAR_FIELDS[:5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,step,trace\n1,10,2\n", "line 1: missing columns redundancy_score, correlation_mean, correlation_std, "),
        (f"{HEADER}\n", "line 1: only a header, no logged step"),
        (f"{HEADER},layer\n{ROW},conv\n", "line 1: a table of layers; give the metrics file beside it"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", "line 3: epoch 1, step 10 is there twice"),
        (f"{HEADER}\n2,20,,,,,\n1,30,,,,,\n", "line 3: epoch 1, step 30 comes after epoch 2, step 20"),
        (f"{HEADER}\n1,20,,,,,\n1,10,,,,,\n", "line 3: epoch 1, step 10 comes after epoch 1, step 20"),
        (f"{HEADER}\n-1,10,,,,,\n", "line 2: epoch: '-1' is not a whole number of 0 or more"),
        (f"{HEADER}\n1,,,,,,\n", "line 2: step: '' is not a whole number"),
        (f"{HEADER}\n1,10,1.5,,,,\n", "line 2: redundancy_score: '1.5' is not between 0 and 1"),
        (f"{HEADER}\n1,10,,-0.1,,,\n", "line 2: correlation_mean: '-0.1' is not between 0 and 1"),
        (f"{HEADER}\n1,10,,,2,,\n", "line 2: correlation_std: '2' is not between 0 and 1"),
        (f"{HEADER}\n1,10,,,,-1,\n", "line 2: trace: '-1' is not a finite number of 0 or more"),
        (f"{HEADER}\n1,10,,,,,0.5\n", "line 2: condition_number: '0.5' is not a finite number of 1 or more"),
        (f"{HEADER}\n1,10,,,,,inf\n", "line 2: condition_number: 'inf' is no value"),
        (f'{HEADER}\n1,10,"0,5",,,,\n', "line 2: redundancy_score: '0,5' has a decimal comma"),
        (f"{HEADER},correlation_max\n{ROW},2\n", "line 2: correlation_max: '2' is not between 0 and 1"),
        (f"{HEADER},dominance\n{ROW},2\n", "line 2: dominance: '2' is not between 0 and 1"),
        (f"{HEADER},dead_channels\n{ROW},-2\n", "line 2: dead_channels: '-2' is not a finite number of 0 or more"),
        (f"{HEADER},decov\n{ROW},much\n", "line 2: decov: 'much' is not a number"),
        (f"{HEADER},mine\n{ROW},nan\n", "line 2: mine: 'nan' is no value"),
        (f"{HEADER},mine\n{ROW},1\n2,20,,,,,,x\n", "line 3: mine: 'x' is not a number"),
    ],
)
def test_what_cannot_have_been_logged_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RunError, match=re.escape(f"x.csv: {message}")):
        read_logged_steps(written(tmp_path, text), None)


LAYERS_HEADER = ",".join(("epoch", "step", *SCALAR_FIELDS))


def layer_row(key: str, name: str) -> str:
    """A row of a layer of which little is defined."""
    defined = {"layer": name, "mode": "inference", "status": "ok", "num_channels": "4", "samples": "64", "images": "8"}
    defined |= {"reliable": "true", "condition_at_floor": "false"}
    return ",".join([key, *(defined.get(field, "") for field in SCALAR_FIELDS)]) + "\n"


@pytest.fixture
def layers(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: str) -> Path:
        path = tmp_path / "layers.csv"
        path.write_text(LAYERS_HEADER + "\n" + "".join(rows), encoding="utf-8")
        return path

    return write


def test_every_step_has_its_layers_in_the_files_order(tmp_path: Path, layers: Callable[..., Path]) -> None:
    metrics = written(tmp_path, f"{HEADER}\n{ROW}\n2,20,,,,,\n")
    path = layers(layer_row("1,10", "b"), layer_row("1,10", "a"), layer_row("2,20", "b"))

    steps = read_logged_steps(metrics, path)

    assert [[layer.layer for layer in step.layers] for step in steps] == [["b", "a"], ["b"]]


@pytest.mark.parametrize(
    ("counts", "rows", "message"),
    [
        ((2, 1), ["1,10", "2,20"], "line 2: 1 layers of epoch 1, step 10, where x.csv has 2"),
        ((1, 1), ["1,10", "2,20", "2,20"], "line 4: 2 layers of epoch 2, step 20, where x.csv has 1"),
        ((1, 1), ["1,10"], "line 2: 0 layers of epoch 2, step 20, where x.csv has 1"),
        ((1, 1), [], "line 1: 0 layers of epoch 1, step 10, where x.csv has 1"),
        (None, ["2,20"], "line 2: 0 layers of epoch 1, step 10, where x.csv has some"),
    ],
)
def test_a_layers_file_that_lacks_rows_is_refused(
    tmp_path: Path, layers: Callable[..., Path], counts: tuple[int, int] | None, rows: list[str], message: str
) -> None:
    first, second = ("", "") if counts is None else (f",{counts[0]}", f",{counts[1]}")
    header = HEADER + ("" if counts is None else ",num_layers")
    metrics = written(tmp_path, f"{header}\n1,10,,,,,{first}\n2,20,,,,,{second}\n")
    path = layers(*(layer_row(key, f"layer{index}") for index, key in enumerate(rows)))

    with pytest.raises(RunError, match=re.escape(f"layers.csv: {message}")):
        read_logged_steps(metrics, path)


def test_a_step_that_says_it_has_no_layers_needs_none(tmp_path: Path, layers: Callable[..., Path]) -> None:
    metrics = written(tmp_path, f"{HEADER},num_layers\n1,10,,,,,,0\n2,20,,,,,,1\n")

    steps = read_logged_steps(metrics, layers(layer_row("2,20", "a")))

    assert [len(step.layers) for step in steps] == [0, 1]
