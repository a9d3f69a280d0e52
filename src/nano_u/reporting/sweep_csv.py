"""Threshold sweep and precision-recall curve as CSV; an undefined value is an empty cell."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from nano_u.evaluation import PrecisionRecallCurve, SegmentationMetrics, ThresholdSweep
from nano_u.runs import write_text_atomic

_METRICS = tuple(field.name for field in dataclasses.fields(SegmentationMetrics))


def write_sweep_csv(path: Path, sweep: ThresholdSweep) -> None:
    """One row per threshold, all metrics as columns."""
    rows = ((point.threshold, *(getattr(point.metrics, name) for name in _METRICS)) for point in sweep.points)
    _write(path, ("threshold", *_METRICS), rows)


def write_precision_recall_csv(path: Path, curve: PrecisionRecallCurve) -> None:
    """One row per point of the curve, ascending in recall."""
    rows = zip(curve.thresholds, curve.recall, curve.precision, strict=True)
    _write(path, ("threshold", "recall", "precision"), rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[float | None]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else format(value, ".9g") for value in row] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(path, text.getvalue())
