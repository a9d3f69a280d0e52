from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.reporting.monitor_csv import CsvRow, CsvTable
from nano_u.reporting.step_order import StepKey, check_follows

TABLE, ROW = CsvTable(Path("x.csv"), (), ()), CsvRow(7, [])


@pytest.mark.parametrize("key", [(2, 21), (3, 1), (3, 20), (10, 20)])
def test_a_later_step_follows(key: StepKey) -> None:
    check_follows(TABLE, ROW, key, (2, 20), may_repeat=False)


def test_the_first_step_follows_nothing() -> None:
    check_follows(TABLE, ROW, (5, 0), None, may_repeat=False)


@pytest.mark.parametrize("key", [(2, 19), (1, 20), (1, 99)])
@pytest.mark.parametrize("may_repeat", [True, False])
def test_an_earlier_step_is_refused_with_both(key: StepKey, may_repeat: bool) -> None:
    message = rf"^x\.csv: line 7: epoch {key[0]}, step {key[1]} comes after epoch 2, step 20; restore"
    with pytest.raises(RunError, match=message):
        check_follows(TABLE, ROW, key, (2, 20), may_repeat=may_repeat)


def test_the_same_step_follows_only_where_it_may() -> None:
    check_follows(TABLE, ROW, (2, 20), (2, 20), may_repeat=True)
    with pytest.raises(RunError, match=r"^x\.csv: line 7: epoch 2, step 20 is there twice; restore"):
        check_follows(TABLE, ROW, (2, 20), (2, 20), may_repeat=False)
