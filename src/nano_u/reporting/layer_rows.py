"""The layers file of a monitor: one row per logged step and layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, get_args

from nano_u.redundancy import SCALAR_FIELDS, LayerRedundancy, Mode, Status
from nano_u.reporting.monitor_cells import (
    CellReader,
    channels,
    number,
    one_of,
    read_row,
    text,
    text_or_none,
    truth,
    whole,
    whole_or_none,
)
from nano_u.reporting.monitor_csv import CsvRow, CsvTable, csv_error, read_csv_table
from nano_u.reporting.step_order import StepKey, check_follows, step_name

_KEY = ("epoch", "step")
_SHARE = number(0, 1)
_SIZE = number(0, inf)

_READERS: Mapping[str, CellReader] = {
    "epoch": whole,
    "step": whole,
    "layer": text,
    "mode": one_of(get_args(Mode)),
    "status": one_of(get_args(Status)),
    "reason": text_or_none,
    "num_channels": whole,
    "sampled_channels": whole_or_none,
    "samples": whole,
    "images": whole,
    "effective_samples": _SIZE,
    "reliable": truth,
    "redundancy_score": _SHARE,
    "score_low": _SHARE,
    "score_high": _SHARE,
    "removable": _SHARE,
    "removable_reason": text_or_none,
    "keep": channels,
    "correlation_mean": _SHARE,
    "correlation_std": _SHARE,
    "correlation_max": _SHARE,
    "trace": _SIZE,
    "dominance": _SHARE,
    "condition_number": number(1, inf),
    "condition_at_floor": truth,
    "rank": whole_or_none,
    "dead_channels": whole_or_none,
    "off_diagonal_norm": _SIZE,
    "decov": _SIZE,
}


@dataclass(frozen=True)
class LayerRows:
    """The layers of every step, in the file's order, and the line of each step's last one."""

    path: Path
    of_step: Mapping[StepKey, tuple[LayerRedundancy, ...]]
    last_line: Mapping[StepKey, int]
    end_line: int
    """The last row's, or the header's."""


def read_layer_rows(path: Path, known: Collection[StepKey], metrics: Path) -> LayerRows:
    """The rows of the steps that are `known` from the file `metrics`.

    Columns that are no field of a layer's record are the caller's own metrics and go to `extra`.

    Raises:
        RunError: the file is damaged, or has a row of another step.
    """
    table = read_csv_table(path, (*_KEY, *SCALAR_FIELDS))
    readers = [_READERS.get(name, number()) for name in table.header]
    extra = [name for name in table.header if name not in _READERS]
    layers: dict[StepKey, dict[str, LayerRedundancy]] = {}
    last_line: dict[StepKey, int] = {}
    previous: StepKey | None = None
    for row in table.rows:
        values = dict(zip(table.header, read_row(table, row, readers), strict=True))
        key = (values["epoch"], values["step"])
        check_follows(table, row, key, previous, may_repeat=True)
        if key not in known:
            what = f"{step_name(key)} is not in {metrics.name}"
            raise csv_error(path, row.line, what, "remove its rows, or resume the training")
        _add(layers.setdefault(key, {}), _record(table, row, values, extra), table, row)
        last_line[key] = row.line
        previous = key
    of_step = {key: tuple(by_name.values()) for key, by_name in layers.items()}
    return LayerRows(path, of_step, last_line, table.rows[-1].line if table.rows else 1)


def _record(table: CsvTable, row: CsvRow, values: Mapping[str, Any], extra: list[str]) -> LayerRedundancy:
    keep, there = values["keep"], values["num_channels"]
    if keep and keep[-1] >= there:
        raise csv_error(table.path, row.line, f"keep: there is no channel {keep[-1]} among {there}")
    return LayerRedundancy(
        **{name: values[name] for name in SCALAR_FIELDS}, extra={name: values[name] for name in extra}
    )


def _add(step: dict[str, LayerRedundancy], layer: LayerRedundancy, table: CsvTable, row: CsvRow) -> None:
    if layer.layer in step:
        raise csv_error(table.path, row.line, f"the layer {layer.layer!r} is there twice in its step")
    step[layer.layer] = layer
