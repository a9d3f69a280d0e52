from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import precision_recall_curve, threshold_sweep
from nano_u.reporting import write_precision_recall_csv, write_sweep_csv


def test_the_sweep_file_holds_every_threshold_and_metric(
    image_set: ImageSet, logits: np.ndarray, tmp_path: Path
) -> None:
    sweep = threshold_sweep(logits, image_set.masks)

    write_sweep_csv(tmp_path / "new" / "sweep.csv", sweep)

    with (tmp_path / "new" / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["threshold"]) for row in rows] == pytest.approx([point.threshold for point in sweep.points])
    for row, point in zip(rows, sweep.points, strict=True):
        assert float(row["iou"]) == pytest.approx(point.metrics.iou)
        assert float(row["f2"]) == pytest.approx(point.metrics.f2)
        assert (row["precision"] == "") == (point.metrics.precision is None)
    assert rows[-1]["precision"] == ""


def test_the_curve_file_holds_its_points(image_set: ImageSet, logits: np.ndarray, tmp_path: Path) -> None:
    curve = precision_recall_curve(logits, image_set.masks)

    write_precision_recall_csv(tmp_path / "curve.csv", curve)

    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["recall"]) for row in rows] == pytest.approx(curve.recall)
    assert [float(row["precision"]) for row in rows] == pytest.approx(curve.precision)
