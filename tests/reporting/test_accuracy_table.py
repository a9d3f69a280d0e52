from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import Evaluation, evaluate
from nano_u.reporting import evaluation_table
from nano_u.reporting.table import Table


def cells(table: Table, row: int) -> dict[str, str]:
    headings = [column.heading for column in table.columns]
    return dict(zip(headings, table.rows[row], strict=True))


def test_group_rows_come_first_and_the_pooled_row_last(evaluation: Evaluation) -> None:
    table = evaluation_table(evaluation)

    assert [row[0] for row in table.rows] == ["dawn", "dusk", "pooled"]
    assert table.totals == 1


def test_cells_are_the_numbers_of_the_evaluation(evaluation: Evaluation) -> None:
    pooled = evaluation.pooled
    assert pooled.iou_interval is not None
    assert pooled.floor is not None
    assert pooled.margin is not None

    shown = cells(evaluation_table(evaluation), -1)

    assert shown == {
        "group": "pooled",
        "images": "20",
        "IoU": f"{pooled.metrics.iou:.3f}",
        "95% interval": f"{pooled.iou_interval.low:.3f}-{pooled.iou_interval.high:.3f}",
        "floor IoU": f"{pooled.floor.iou:.3f}",
        "margin": f"{pooled.margin:+.3f}",
        "mean IoU": f"{pooled.metrics.mean_iou:.3f}",
        "F1": f"{pooled.metrics.f1:.3f}",
        "precision": f"{pooled.metrics.precision:.3f}",
        "recall": f"{pooled.metrics.recall:.3f}",
        "accuracy": f"{pooled.metrics.accuracy:.3f}",
    }


def test_the_notes_say_what_predictors_without_learning_reach(evaluation: Evaluation) -> None:
    text = evaluation_table(evaluation).to_text()

    share = 42 / (11 * 16)
    assert f"Foreground is {share:.1%} of the pixels; predicting it everywhere scores IoU {share:.3f}" in text
    assert "the mean training mask at threshold 0.5" in text
    assert "200 resamples" in text


def test_without_a_floor_the_cells_are_empty_and_the_note_says_so(image_set: ImageSet, logits: np.ndarray) -> None:
    table = evaluation_table(evaluate(logits, image_set, floor_probabilities=None, resamples=10))

    assert (cells(table, -1)["floor IoU"], cells(table, -1)["margin"]) == ("-", "-")
    assert "there is no floor to compare with" in table.to_text()


def test_a_single_group_is_not_repeated(image_set: ImageSet, logits: np.ndarray) -> None:
    first = range(10)

    table = evaluation_table(evaluate(logits[:10], image_set.select(first), floor_probabilities=None, resamples=10))

    assert [row[0] for row in table.rows] == ["pooled"]


def test_of_many_groups_the_worst_are_shown(image_set: ImageSet, logits: np.ndarray) -> None:
    scenes = dataclasses.replace(image_set, groups=tuple(f"s{index}" for index in range(20)))
    result = evaluate(logits, scenes, floor_probabilities=None, resamples=10)

    table = evaluation_table(result, max_groups=3)

    shown = [float(row[2]) for row in table.rows[:-1]]
    assert shown == sorted(shown)
    assert shown[-1] <= min(
        round(row.metrics.iou or 1.0, 3) for row in result.groups if row.name not in {row[0] for row in table.rows}
    )
    assert "The 3 groups of lowest IoU; 17 more are not shown." in table.to_text()


def test_warnings_of_the_evaluation_stand_below_the_table(image_set: ImageSet, logits: np.ndarray) -> None:
    result = evaluate(-logits, image_set, floor_probabilities=np.ones((12, 16)), resamples=10)

    text = evaluation_table(result).to_text()

    for name in ("dawn", "dusk", "pooled"):
        assert f"warning: {name}: IoU " in text


@pytest.mark.parametrize("width", [80, 140])
def test_all_columns_fit_a_usual_terminal(evaluation: Evaluation, width: int) -> None:
    lines = evaluation_table(evaluation).lines(width)

    assert max(len(text) for text, style in lines if style in ("heading", "rule", "row", "total")) <= width
    assert not any("Left out" in text for text, _ in lines)
