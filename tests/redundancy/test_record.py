from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy import SCALAR_FIELDS, GroupMoments, LayerRedundancy, measure_layer


def record(**options: object) -> LayerRedundancy:
    moments = GroupMoments.from_samples(np.random.default_rng(0).standard_normal((20, 9, 2)), list(range(20)))
    return measure_layer(moments, layer="conv", mode="inference", linear_input=True, **options)  # type: ignore[arg-type]


def test_a_row_holds_every_field_but_the_arrays_and_starts_with_the_layer() -> None:
    row = record().scalars()

    assert list(row) == list(SCALAR_FIELDS)
    assert list(row)[:3] == ["layer", "mode", "status"]
    assert not {"correlation", "histogram", "extra"} & set(row)
    assert row["keep"] == "0 1"


def test_all_values_of_a_row_are_plain_scalars() -> None:
    values = record(extra_metrics={"numpy": lambda matrix: matrix[0, 0]}).scalars().values()

    assert {type(value) for value in values} <= {str, int, float, bool, type(None)}


def test_the_matrix_takes_no_part_in_comparison_and_text() -> None:
    assert record() == record()
    assert "array" not in repr(record())


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        record().trace = 1.0  # type: ignore[misc]
