"""Stops training at the first NaN or infinite loss and names the images of that batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from nano_u.errors import NonFiniteLossError


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Raises NonFiniteLossError; `names_of(epoch, batch)` tells the batch's images (epoch from 1, batch from 0)."""

    def __init__(self, names_of: Callable[[int, int], Sequence[str]] | None = None) -> None:
        super().__init__()
        self.names_of = names_of
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Check the running loss, which a single non-finite batch makes non-finite."""
        if logs is None or math.isfinite(float(logs["loss"])):
            return
        names = self.names_of(self.epoch, batch) if self.names_of else ()
        files = f" (images: {', '.join(names)})" if names else ""
        raise NonFiniteLossError(
            f"loss is {float(logs['loss'])} at epoch {self.epoch}, batch {batch}{files}; check these images, "
            "lower the learning rate or set training.gradient_clip"
        )
