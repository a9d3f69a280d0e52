"""Logged steps follow each other: in no table does one come twice or go back."""

from __future__ import annotations

from nano_u.reporting.monitor_csv import CsvRow, CsvTable, csv_error

StepKey = tuple[int, int]
"""(epoch, step). A later epoch may begin at a lower step: a model compiled anew counts its steps from 0."""


def check_follows(table: CsvTable, row: CsvRow, key: StepKey, previous: StepKey | None, *, may_repeat: bool) -> None:
    """RunError with the row's line where `key` lies before `previous`, or is it again and must not be."""
    if previous is not None and key < previous:
        raise csv_error(table.path, row.line, f"{step_name(key)} comes after {step_name(previous)}")
    if key == previous and not may_repeat:
        raise csv_error(table.path, row.line, f"{step_name(key)} is there twice")


def step_name(key: StepKey) -> str:
    """`epoch 3, step 60`."""
    return f"epoch {key[0]}, step {key[1]}"
