from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks.rows import Columns, step_rows
from nano_u.redundancy import LayerRedundancy


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -np.inf, np.float32("nan")])
def test_what_is_not_finite_is_none(
    record: Callable[..., StepRecord], layer: Callable[..., LayerRedundancy], value: float
) -> None:
    rows = step_rows(record(1, 1, layer("conv", extra={"mine": value})), Columns.with_extra(["mine"]))

    assert rows.layers[0]["mine"] is None
    assert rows.model["mine"] is None


def test_a_metric_that_a_layer_lacks_is_none_and_stands_last(
    record: Callable[..., StepRecord], layer: Callable[..., LayerRedundancy]
) -> None:
    rows = step_rows(record(1, 1, layer("a", extra={"mine": 2.0}), layer("b")), Columns.with_extra(["mine"]))

    assert [row["mine"] for row in rows.layers] == [2.0, None]
    assert all(list(row)[-1] == "mine" for row in (*rows.layers, rows.model))
