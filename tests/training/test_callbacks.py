"""The callbacks driven by hand with made-up logs."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.errors import NonFiniteLossError
from nano_u.models import load_model
from nano_u.training.checkpoint import BestModel
from nano_u.training.history import HistoryFile, history_csv
from nano_u.training.non_finite import StopOnNonFiniteLoss


class Recorder:
    """A model whose single weight is the epoch it was saved in."""

    def __init__(self) -> None:
        self.model = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Conv2D(1, 1, use_bias=False)])
        self.model.compile(keras.optimizers.Adam(0.25), "mse")

    def run(self, callback: keras.callbacks.Callback, logs: list[dict[str, float]]) -> None:
        callback.set_model(self.model)
        callback.on_train_begin()
        for epoch, entry in enumerate(logs):
            self.model.set_weights([np.full((1, 1, 1, 1), epoch + 1.0)])
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, entry)


def saved_epoch(path: Path) -> float:
    return float(load_model(path).get_weights()[0].item())


def test_best_model_is_the_epoch_of_the_highest_score(tmp_path: Path) -> None:
    best = BestModel(tmp_path / "best.keras")

    Recorder().run(best, [{"loss": 1.0, "val_iou": value} for value in (0.2, 0.7, 0.7, 0.5)])

    assert saved_epoch(tmp_path / "best.keras") == best.best_epoch == 2


def test_nan_is_never_the_best_model(tmp_path: Path) -> None:
    best = BestModel(tmp_path / "best.keras", monitor="val_loss", maximise=False)
    nan = float("nan")

    Recorder().run(
        best,
        [{"loss": nan, "val_loss": 0.1}, {"loss": 1.0, "val_loss": nan}, {"loss": 1.0, "val_loss": 0.4}],
    )

    assert saved_epoch(tmp_path / "best.keras") == best.best_epoch == 3


def test_without_validation_the_last_epoch_is_kept(tmp_path: Path) -> None:
    Recorder().run(BestModel(tmp_path / "best.keras"), [{"loss": 1.0}, {"loss": 2.0}, {"loss": float("inf")}])

    assert saved_epoch(tmp_path / "best.keras") == 2


def test_a_second_training_starts_anew(tmp_path: Path) -> None:
    best, recorder = BestModel(tmp_path / "best.keras"), Recorder()
    recorder.run(best, [{"loss": 1.0, "val_iou": 0.9}])

    recorder.run(best, [{"loss": 1.0, "val_iou": 0.1}, {"loss": 1.0, "val_iou": 0.2}])

    assert best.best_epoch == 2


def test_a_failing_disk_leaves_the_earlier_best_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best, recorder = BestModel(tmp_path / "best.keras"), Recorder()
    recorder.run(best, [{"loss": 1.0, "val_iou": 0.5}])
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(OSError, match="No space left"):
        recorder.run(best, [{"loss": 1.0, "val_iou": 0.1}, {"loss": 1.0, "val_iou": 0.9}])

    monkeypatch.undo()
    assert saved_epoch(tmp_path / "best.keras") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]


def test_history_has_a_row_per_epoch_and_late_columns(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"

    Recorder().run(HistoryFile(path), [{"loss": 0.5}, {"loss": 0.25, "val_iou": 0.75}])

    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["epoch"], row["loss"], row["val_iou"]) for row in rows] == [("1", "0.5", ""), ("2", "0.25", "0.75")]
    assert float(rows[0]["learning_rate"]) == 0.25


def test_non_finite_values_are_empty_cells() -> None:
    assert history_csv([{"epoch": 1, "loss": float("nan")}]) == "epoch,loss\n1,\n"


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_non_finite_loss_names_the_batch_and_its_images(loss: float) -> None:
    guard = StopOnNonFiniteLoss(lambda epoch, batch: [f"image_{epoch}_{batch}", "other"])
    guard.on_epoch_begin(2)
    guard.on_train_batch_end(3, {"loss": 0.5})

    with pytest.raises(NonFiniteLossError, match=r"at epoch 3, batch 4 \(images: image_3_4, other\)"):
        guard.on_train_batch_end(4, {"loss": loss})
