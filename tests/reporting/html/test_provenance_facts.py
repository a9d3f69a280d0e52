from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nano_u.config import QuantizationConfig
from nano_u.reporting.html.provenance_facts import provenance_facts
from nano_u.reporting.html.run_files import RunFiles

TEACHER = {"path": "t/best.keras", "sha256": "ab" * 32, "parameters": 1234}


@pytest.mark.parametrize(
    ("teacher", "text"),
    [
        (TEACHER, "t/best.keras, sha256 abababababababab, 1,234 parameters"),
        ({"path": "t/best.keras"}, "t/best.keras"),
        ({**TEACHER, "parameters": "many"}, "t/best.keras, sha256 abababababababab"),
        ({}, None),
        ([1], None),
        (None, None),
    ],
)
def test_the_teacher_is_told_as_far_as_it_was_recorded(teacher: Any, text: str | None) -> None:
    facts = dict(provenance_facts(RunFiles(Path("run"), provenance={"teacher": teacher})))

    assert facts.get("teacher") == text


@pytest.mark.parametrize(("from_first_epoch", "told"), [(False, ("30", "10")), (True, (None, None))])
def test_the_epochs_of_fine_tuning_are_told_apart_from_those_of_training(
    from_first_epoch: bool, told: tuple[str | None, str | None]
) -> None:
    metrics = {"epochs": 100, "best_epoch": 69, "quantization_aware": {"epochs": 30, "best_epoch": 10}}
    quantization = QuantizationConfig(aware=True, from_first_epoch=from_first_epoch)

    facts = dict(provenance_facts(RunFiles(Path("run"), metrics=metrics, quantization=quantization)))

    assert (facts["epochs"], facts["best epoch"]) == ("100", "69")
    assert (facts.get("epochs under int8 arithmetic"), facts.get("best epoch of these")) == told


def test_a_run_that_recorded_nothing_has_no_facts() -> None:
    assert provenance_facts(RunFiles(Path("run"))) == ()
