from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import DeployError
from nano_u.evaluation import Evaluation, evaluate
from nano_u.reporting import ExportSizes, accuracy_drop_table, export_table, iou_drop
from nano_u.reporting.export_tables import signed_difference


@pytest.fixture
def coarse(image_set: ImageSet, logits: np.ndarray) -> Evaluation:
    """The same logits on a coarse grid, as int8 would give them."""
    return evaluate(np.round(logits - 0.4), image_set, floor_probabilities=None, resamples=10)


def test_the_drop_is_float_minus_int8_in_every_row(evaluation: Evaluation, coarse: Evaluation) -> None:
    table = accuracy_drop_table(evaluation, coarse)

    assert [row[0] for row in table.rows] == ["dawn", "dusk", "pooled"]
    pairs = zip((*evaluation.groups, evaluation.pooled), (*coarse.groups, coarse.pooled), strict=True)
    for row, (before, after) in zip(table.rows, pairs, strict=True):
        assert before.metrics.iou is not None
        assert after.metrics.iou is not None
        assert row[2:5] == (
            f"{before.metrics.iou:.3f}",
            f"{after.metrics.iou:.3f}",
            f"{before.metrics.iou - after.metrics.iou:+.4f}",
        )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00494, "+0.0049"), (-0.0061, "-0.0061"), (-0.00001, "+0.0000"), (0.0, "+0.0000"), (None, "-")],
)
def test_a_difference_that_rounds_to_nothing_is_no_loss(value: float | None, text: str) -> None:
    assert signed_difference(value) == text


def test_an_undefined_iou_has_no_drop(evaluation: Evaluation) -> None:
    pooled = evaluation.pooled
    undefined = dataclasses.replace(pooled, metrics=dataclasses.replace(pooled.metrics, iou=None))

    assert iou_drop(pooled, undefined) is None
    assert iou_drop(pooled, pooled) == 0.0


def test_evaluations_of_different_groups_are_refused(evaluation: Evaluation, coarse: Evaluation) -> None:
    with pytest.raises(DeployError, match="different groups"):
        accuracy_drop_table(evaluation, dataclasses.replace(coarse, groups=coarse.groups[:1]))


def test_sizes_and_operators_are_listed() -> None:
    sizes = ExportSizes(45_000, 17_115, 196_608, 205_812, ("CONV_2D", "MAX_POOL_2D"))

    text = export_table(sizes).to_text()

    for value in ("45,000 bytes", "17,115 bytes", "196,608 bytes", "205,812 bytes", "CONV_2D", "MAX_POOL_2D"):
        assert value in text
    assert "pip install" not in text


def test_an_arena_that_was_not_recorded_says_how_to_record_it() -> None:
    text = export_table(ExportSizes(45_000, 17_115, 196_608, None, ())).to_text()

    assert "pip install 'nano-u[mcu]'" in text
