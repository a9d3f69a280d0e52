from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import RunError
from nano_u.evaluation import Evaluation, evaluate
from nano_u.reporting.shrink_steps import (
    ShrinkStep,
    StepCost,
    before_after_table,
    draw_shrinking,
    plan_table,
    read_steps,
    shrink_csv,
    shrink_table,
)


def step(number: int, *, kept: bool = True, macs: int = 1_000, iou: float = 0.8, **more: object) -> ShrinkStep:
    fields = {
        "number": number,
        "kind": "cut" if number else "start",
        "move": f"layer{number}: 8 -> 6 filters" if number else "start",
        "group": f"layer{number}" if number else None,
        "filters_before": 8 if number else None,
        "filters_after": 6 if number else None,
        "expected_loss": 0.0123 if number else None,
        "iou_cut": iou - 0.1 if number else None,
        "iou": iou,
        "kept": kept,
        "reason": "kept" if kept else "undone, below 0.7950",
        "cost": StepCost(100, macs, 120, 4_096, 9_000, 5_000),
        "seconds": 1.5,
    }
    return ShrinkStep(**{**fields, **more})  # type: ignore[arg-type]


STEPS = (step(0), step(1, macs=900, iou=0.81), step(2, macs=700, iou=0.6, kept=False))


def test_steps_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "shrink.json"
    path.write_text(json.dumps({"began_with": {}, "steps": [one.to_dict() for one in STEPS]}))

    assert read_steps(path) == STEPS


@pytest.mark.parametrize("record", [[], {}, {"steps": []}, {"steps": [{"number": 1}]}, {"steps": [7]}])
def test_a_damaged_log_is_one_clear_error(record: object, tmp_path: Path) -> None:
    path = tmp_path / "shrink.json"
    path.write_text(json.dumps(record))

    with pytest.raises(RunError, match=r"shrink\.json: holds no step"):
        read_steps(path)


@pytest.mark.parametrize("wrong", [{"iou": "x"}, {"iou": None}, {"kept": 1}, {"kind": "other"}, {"cost": {"macs": 1}}])
def test_a_damaged_step_is_named_by_its_cell(wrong: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "shrink.json"
    path.write_text(json.dumps({"steps": [STEPS[0].to_dict(), STEPS[1].to_dict() | wrong]}))

    with pytest.raises(
        RunError, match=rf"shrink\.json: holds no step that this version wrote \(1\.{next(iter(wrong))}"
    ):
        read_steps(path)


def test_the_table_tells_every_step_and_what_became_of_it() -> None:
    text = shrink_table(STEPS, name="run").to_text()

    rows = [line.split("  ") for line in text.splitlines() if line.strip()[:1].isdigit()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[0] == ["0", "start", "1,000", "120", "4,096", "-", "-", "0.8000", "kept"]
    assert cells[2] == [
        *("2", "layer2: 8 -> 6 filters", "700", "120", "4,096", "1.23%", "0.5000", "0.6000"),
        "undone, below 0.7950",
    ]


def test_the_csv_holds_every_digit_and_empty_cells_for_what_is_undefined() -> None:
    rows = list(csv.DictReader(io.StringIO(shrink_csv(STEPS))))

    assert [row["macs"] for row in rows] == ["1000", "900", "700"]
    assert rows[1]["expected_loss"] == "0.0123"
    assert rows[0]["expected_loss"] == rows[0]["iou_cut"] == ""
    assert rows[2]["kept"] == "False"


def test_a_plan_tells_what_each_cut_saves() -> None:
    now, then = StepCost(100, 1_000, 200, 4_000, 9_000, 9), StepCost(80, 750, 150, 4_000, 8_500, 8)

    text = plan_table([("conv: 8 -> 6 filters", 0.004)], now, [then]).to_text()

    line = next(line for line in text.splitlines() if line.startswith("conv:"))
    assert line.split() == ["conv:", "8", "->", "6", "filters", "0.40%", "-25.0%", "-25.0%", "+0.0%"]


def test_the_picture_marks_undone_steps_and_shows_the_cost_of_each() -> None:
    figure = draw_shrinking(STEPS, name="run", floor=0.55)

    panels = figure.axes
    texts = [text.get_text() for text in panels[0].texts]
    assert sorted(texts) == ["(2)", "0", "1"]
    marks = {tuple(map(float, line.get_xydata()[0])) for line in panels[0].lines if line.get_marker() in ("o", "s")}
    assert marks == {(1_000.0, 0.8), (900.0, 0.81), (700.0, 0.6)}


def test_of_many_steps_the_ends_and_the_front_are_named() -> None:
    steps = [step(number, macs=2_000 - 50 * number, iou=0.9 if number == 10 else 0.8) for number in range(20)]

    axes = draw_shrinking(steps, name="run", floor=None).axes[0]

    assert [text.get_text() for text in axes.texts] == ["0", "10", "19"]
    assert len([line for line in axes.lines if line.get_marker() in ("o", "s")]) == 20


def test_test_accuracy_before_and_after_stands_side_by_side(
    evaluation: Evaluation, image_set: ImageSet, logits: np.ndarray
) -> None:
    after = evaluate(np.round(logits - 0.4), image_set, floor_probabilities=None, resamples=10)

    table = before_after_table(evaluation, after)

    pairs = zip((*evaluation.groups, evaluation.pooled), (*after.groups, after.pooled), strict=True)
    for row, (old, new) in zip(table.rows, pairs, strict=True):
        before, now = old.metrics.iou or 0.0, new.metrics.iou or 0.0
        assert row[2:5] == (f"{before:.3f}", f"{now:.3f}", f"{now - before:+.4f}")
