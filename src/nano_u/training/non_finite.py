"""Stops training at the first NaN or infinite loss or weight and names the images of that batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from nano_u.errors import NonFiniteLossError


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises NonFiniteLossError; `names_of(epoch, batch)` tells the batch's images (epoch from 1, batch from 0)."""

    def __init__(self, names_of: Callable[[int, int], Sequence[str]] | None = None) -> None:
        super().__init__()
        self.names_of = names_of
        self.epoch = 0
        self.batch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the running loss, which a single non-finite batch makes non-finite."""
        self.batch = batch
        if logs is not None and not math.isfinite(float(logs["loss"])):
            raise self._failure(f"loss is {float(logs['loss'])} at")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the weights, which the epoch's last step may have broken after its loss was computed."""
        if not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            raise self._failure("weights are NaN or infinite after")

    def _failure(self, what: str) -> NonFiniteLossError:
        names = self.names_of(self.epoch, self.batch) if self.names_of else ()
        files = f" (images: {', '.join(names)})" if names else ""
        return NonFiniteLossError(
            f"{what} epoch {self.epoch}, batch {self.batch}{files}; check these images, "
            "lower the learning rate or set training.gradient_clip"
        )
