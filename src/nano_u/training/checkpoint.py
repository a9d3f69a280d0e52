"""Keeps the best model of a training on disk; a crash or a full disk leaves the previous one intact."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras

from nano_u.models import save_model
from nano_u.runs import atomic_path


class BestModel(keras.callbacks.Callback):
    """Saves the model to `path` whenever `monitor` improves; an epoch with a NaN or infinite loss never counts.

    Without that metric in the logs (no validation data) every epoch is saved, so that the file holds the last one.
    """

    def __init__(self, path: Path, monitor: str = "val_iou", *, maximise: bool = True) -> None:
        super().__init__()
        self.path = path
        self.monitor = monitor
        self.sign = 1.0 if maximise else -1.0
        self.best: float | None = None
        self.best_epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier training."""
        self.best, self.best_epoch = None, 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if this epoch is the best so far."""
        logs = logs or {}
        if not all(math.isfinite(float(logs.get(loss, 0.0))) for loss in ("loss", "val_loss")):
            return
        value = logs.get(self.monitor)
        if value is not None:
            score = self.sign * float(value)
            if not math.isfinite(score) or (self.best is not None and score <= self.best):
                return
            self.best = score
        self.best_epoch = epoch + 1
        with atomic_path(self.path) as temporary:
            save_model(self.model, temporary)
