from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.errors import NonFiniteLossError
from nano_u.training.checkpoint import BestModel
from nano_u.training.non_finite import StopOnNonFiniteLoss


def model_with_weight(value: float) -> keras.Model:
    model = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Conv2D(1, 1, use_bias=False)])
    model.set_weights([np.full((1, 1, 1, 1), value)])
    return model


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_weights_broken_by_an_epochs_last_step_name_that_batch(broken: float) -> None:
    guard = StopOnNonFiniteLoss(lambda epoch, batch: [f"image_{epoch}_{batch}"])
    guard.set_model(model_with_weight(1.0))
    guard.on_epoch_begin(0)
    guard.on_train_batch_end(7, {"loss": 0.5})
    guard.on_epoch_end(0, {"loss": 0.5})
    guard.set_model(model_with_weight(broken))

    with pytest.raises(
        NonFiniteLossError, match=r"weights are NaN or infinite after epoch 1, batch 7 \(images: image_1_7\)"
    ):
        guard.on_epoch_end(0, {"loss": 0.5})


def test_a_finite_score_with_an_infinite_validation_loss_is_not_the_best(tmp_path: Path) -> None:
    best = BestModel(tmp_path / "best.keras")
    best.set_model(model_with_weight(1.0))
    best.on_train_begin()

    best.on_epoch_end(0, {"loss": 0.5, "val_loss": float("inf"), "val_iou": 0.9})

    assert not (tmp_path / "best.keras").exists()
    assert (best.best, best.best_epoch) == (None, 0)
