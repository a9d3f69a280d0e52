"""The steps that a monitor logged, out of its metrics file and its layers file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from nano_u.redundancy import MODEL_SCALAR_FIELDS, LayerRedundancy
from nano_u.reporting.layer_rows import LayerRows, read_layer_rows
from nano_u.reporting.monitor_cells import CellReader, is_a_number, number, read_row, whole
from nano_u.reporting.monitor_csv import csv_error, read_csv_table
from nano_u.reporting.step_order import StepKey, check_follows, step_name

REQUIRED = ("epoch", "step", "redundancy_score", "correlation_mean", "correlation_std", "trace", "condition_number")
"""Columns without which a metrics file tells nothing."""

_READERS: Mapping[str, CellReader] = {
    **dict.fromkeys(("epoch", "step"), whole),
    **dict.fromkeys(MODEL_SCALAR_FIELDS, number(0)),
    **dict.fromkeys(
        ("redundancy_score", "correlation_mean", "correlation_std", "correlation_max", "dominance"), number(0, 1)
    ),
    "condition_number": number(1, inf),
}


@dataclass(frozen=True)
class LoggedStep:
    """What one logged step says; None where a value is not defined."""

    epoch: int
    step: int
    redundancy_score: float | None
    correlation_mean: float | None
    correlation_std: float | None
    trace: float | None
    condition_number: float | None
    num_layers: float | None = None
    """As the metrics file says; None where it has no such column."""
    layers: tuple[LayerRedundancy, ...] = ()
    """In network order; empty without a layers file."""


def read_logged_steps(metrics: Path, layers: Path | None) -> tuple[LoggedStep, ...]:
    """At least one step; RunError where a file is damaged or the two do not tell of the same steps."""
    steps = _read_metrics(metrics)
    if layers is None:
        return steps
    rows = read_layer_rows(layers, {(step.epoch, step.step) for step in steps}, metrics)
    _check_complete(steps, rows, metrics)
    return tuple(replace(step, layers=rows.of_step.get((step.epoch, step.step), ())) for step in steps)


def _read_metrics(path: Path) -> tuple[LoggedStep, ...]:
    table = read_csv_table(path, REQUIRED)
    if "layer" in table.header:
        raise csv_error(path, 1, "a table of layers", "give the metrics file beside it, which has one row per step")
    if not table.rows:
        raise csv_error(path, 1, "only a header, no logged step", "wait for the first one, or give another file")
    ignored = {name for name in table.header if name not in _READERS and _is_text(table.column(name))}
    readers = [str if name in ignored else _READERS.get(name, number()) for name in table.header]
    steps: list[LoggedStep] = []
    previous: StepKey | None = None
    for row in table.rows:
        values = dict(zip(table.header, read_row(table, row, readers), strict=True))
        key = (values["epoch"], values["step"])
        check_follows(table, row, key, previous, may_repeat=False)
        previous = key
        steps.append(LoggedStep(**{name: values[name] for name in REQUIRED}, num_layers=values.get("num_layers")))
    return tuple(steps)


def _is_text(cells: list[str]) -> bool:
    """Whether a column holds a user's notes: text, and nothing that was meant as a number."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and not any(map(is_a_number, filled))


def _check_complete(steps: tuple[LoggedStep, ...], rows: LayerRows, metrics: Path) -> None:
    """RunError where a step has not as many layers as the metrics file says, or none at all."""
    for step in steps:
        key = (step.epoch, step.step)
        found, expected = len(rows.of_step.get(key, ())), step.num_layers
        if found != expected if expected is not None else not found:
            wanted = "some" if expected is None else f"{expected:g}"
            what = f"{found} layers of {step_name(key)}, where {metrics.name} has {wanted}"
            raise csv_error(rows.path, rows.last_line.get(key, rows.end_line), what)
