from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.evaluation.conftest import MakeImageSet

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import Evaluation, MeanMaskFloor, evaluate


@pytest.fixture
def evaluation(drives: tuple[ImageSet, np.ndarray]) -> Evaluation:
    image_set, logits = drives
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    return evaluate(logits, image_set, floor_probabilities=floor, resamples=20)


def read_back(evaluation: Evaluation) -> Evaluation:
    return Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict(), allow_nan=False)))


def test_an_evaluation_comes_back_from_json_equal_to_the_last_bit(evaluation: Evaluation) -> None:
    back = read_back(evaluation)

    assert back == evaluation
    assert back.to_dict() == evaluation.to_dict()
    assert isinstance(back.groups, tuple)
    assert type(back.pooled.counts) is type(evaluation.pooled.counts)


def test_undefined_values_come_back_as_none(make_image_set: MakeImageSet) -> None:
    image_set = make_image_set(np.zeros((1, 4, 4)))
    empty = evaluate(np.full((1, 4, 4, 1), -9.0, np.float32), image_set, floor_probabilities=None, resamples=5)

    back = read_back(empty)

    assert back == empty
    assert (back.pooled.metrics.iou, back.pooled.iou_interval, back.pooled.floor, back.pooled.margin) == (None,) * 4


def test_what_else_stands_in_the_record_is_passed_over(evaluation: Evaluation) -> None:
    record = {"model": "best.keras", "data": {"source": "x"}, **evaluation.to_dict()}

    assert Evaluation.from_dict(record) == evaluation


def test_reading_does_not_change_the_record(evaluation: Evaluation) -> None:
    record = evaluation.to_dict()
    before = json.dumps(record)

    Evaluation.from_dict(record)

    assert json.dumps(record) == before


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Evaluation)])
def test_a_missing_field_is_named(evaluation: Evaluation, field: str) -> None:
    record = {name: value for name, value in evaluation.to_dict().items() if name != field}

    with pytest.raises(ValueError, match=rf"^{field}: Field required$"):
        Evaluation.from_dict(record)


CHANGES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda record: record["pooled"]["metrics"].update(iou="high"), r"^pooled\.metrics\.iou: .*number"),
    (lambda record: record["groups"][1].pop("images"), r"^groups\.1\.images: Field required$"),
    (lambda record: record["groups"][0].update(images=1.5), r"^groups\.0\.images: .*integer"),
    (lambda record: record.update(groups=None), r"^groups: .*tuple"),
    (lambda record: record["pooled"].update(iou_interval=[0.1, 0.2]), r"^pooled\.iou_interval: "),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_wrong_value_is_named_with_its_place(
    evaluation: Evaluation, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    record = evaluation.to_dict()
    record["groups"] = [dict(group) for group in record["groups"]]
    change(record)

    with pytest.raises(ValueError, match=message):
        Evaluation.from_dict(record)
