from __future__ import annotations

from typing import Any

import pytest

from nano_u.reporting.export_tables import ExportSizes
from nano_u.reporting.html.int8_tables import int8_tables, threshold_note
from nano_u.reporting.html.run_files import Exported

GIVEN = {"probability_threshold": 0.5, "int8_threshold": -8, "threshold_chosen_on": None}
SIZES = ExportSizes(45_000, 17_115, 196_608, 205_812, ("CONV_2D",))


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({}, "Threshold: probability 0.5, int8 value -8; as given to the export, not chosen on images."),
        ({"threshold_chosen_on": "val"}, "Threshold: probability 0.5, int8 value -8; the best on val images."),
        ({"int8_threshold": None}, "Threshold: probability 0.5; as given to the export, not chosen on images."),
        ({"probability_threshold": "half"}, ""),
        ({"probability_threshold": None}, ""),
    ],
)
def test_the_threshold_is_told_as_far_as_the_record_goes(changed: dict[str, Any], note: str) -> None:
    assert threshold_note({**GIVEN, **changed}) == note


def test_a_record_from_before_thresholds_were_chosen_says_only_which() -> None:
    record = {key: GIVEN[key] for key in ("probability_threshold", "int8_threshold")}

    assert threshold_note(record) == "Threshold: probability 0.5, int8 value -8."
    assert threshold_note({}) == ""


def test_without_accuracy_the_threshold_stands_with_the_sizes() -> None:
    (table,) = int8_tables(Exported(GIVEN, SIZES))

    assert table.title == "int8 model"
    assert table.notes == (threshold_note(GIVEN),)


def test_an_export_that_recorded_nothing_has_no_table() -> None:
    assert int8_tables(Exported(GIVEN, None)) == ()
