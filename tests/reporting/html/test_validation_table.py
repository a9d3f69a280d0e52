from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from nano_u.evaluation import Evaluation
from nano_u.reporting.html.validation_table import SIMULATED, validation_table


@pytest.fixture
def float_network(complete_run: Path) -> Evaluation:
    return Evaluation.from_dict(json.loads((complete_run / "metrics.json").read_text())["validation"])


def with_iou(evaluation: Evaluation, iou: float | None) -> Evaluation:
    pooled = evaluation.pooled
    return dataclasses.replace(
        evaluation, pooled=dataclasses.replace(pooled, metrics=dataclasses.replace(pooled.metrics, iou=iou))
    )


def test_each_network_is_a_row_and_is_measured_against_float(float_network: Evaluation) -> None:
    base = with_iou(float_network, 0.75)

    table = validation_table(base, with_iou(float_network, 0.7426), with_iou(float_network, 0.875))

    assert table is not None
    assert [(row[0], row[2], row[4]) for row in table.rows] == [
        ("teacher", "0.875", "+0.1250"),
        ("float", "0.750", "-"),
        ("simulated int8", "0.743", "-0.0074"),
    ]
    assert table.notes == (SIMULATED,)


def test_a_network_that_is_not_there_has_no_row(float_network: Evaluation) -> None:
    distilled = validation_table(float_network, None, float_network)
    alone = validation_table(None, float_network, None)

    assert distilled is not None
    assert alone is not None
    assert ([row[0] for row in distilled.rows], distilled.notes) == (["teacher", "float"], ())
    assert [(row[0], row[4]) for row in alone.rows] == [("simulated int8", "-")]


def test_float_alone_needs_no_table(float_network: Evaluation) -> None:
    assert validation_table(float_network, None, None) is None


def test_an_undefined_iou_has_no_difference(float_network: Evaluation) -> None:
    table = validation_table(float_network, with_iou(float_network, None), None)

    assert table is not None
    assert table.rows[1][2:] == ("-", table.rows[1][3], "-")
