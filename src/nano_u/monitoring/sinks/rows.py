"""The one place where a record becomes named values; every file is filled from these."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nano_u.errors import ConfigError
from nano_u.monitoring.record import StepRecord
from nano_u.redundancy import MODEL_SCALAR_FIELDS, SCALAR_FIELDS
from nano_u.redundancy.record import Scalar

KEY = ("epoch", "step")

Row = Mapping[str, Scalar]


@dataclass(frozen=True)
class Columns:
    """Names of the values of a step, without its key."""

    model: tuple[str, ...]
    layer: tuple[str, ...]

    @classmethod
    def with_extra(cls, extra_metrics: Iterable[str]) -> Columns:
        """The columns for a caller's own metrics, which come last; ConfigError where a name is taken."""
        extra = tuple(extra_metrics)
        taken = {*KEY, *MODEL_SCALAR_FIELDS, *SCALAR_FIELDS}
        for name in extra:
            if name in taken:
                raise ConfigError(f"extra_metrics: {name!r} is a column already; choose another name")
        return cls((*MODEL_SCALAR_FIELDS, *extra), (*SCALAR_FIELDS, *extra))


@dataclass(frozen=True)
class StepRows:
    """One step as values in JSON's own types: no NaN or infinity, None where not defined."""

    epoch: int
    step: int
    model: Row
    layers: tuple[Row, ...]
    record: StepRecord
    """Where histograms and matrices are."""


def step_rows(record: StepRecord, columns: Columns) -> StepRows:
    """Name the values of a record; a metric that a layer lacks is None.

    Raises:
        ValueError: the record has a metric that is not among the columns.
    """
    return StepRows(
        int(record.epoch),
        int(record.step),
        _row(record.model.scalars(), columns.model),
        tuple(_row(layer.scalars(), columns.layer) for layer in record.layers),
        record,
    )


def _row(values: Row, names: Sequence[str]) -> Row:
    unknown = values.keys() - set(names)
    if unknown:
        raise ValueError(
            f"no column for {', '.join(sorted(unknown))}: extra metrics must be known when files are opened"
        )
    return {name: _plain(values.get(name)) for name in names}


def _plain(value: Scalar | np.generic) -> Scalar:
    # A caller's metric may return a NumPy scalar, whose repr is not the number.
    plain: Scalar = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
