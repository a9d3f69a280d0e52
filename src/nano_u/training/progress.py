"""One rich line that shows how the training goes."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES_WITHOUT_TERMINAL = 10
"""In a log file a bar cannot move; this many lines per training are printed instead."""


class TrainingProgress(keras.callbacks.Callback):
    """A bar over all steps with loss, IoU and images per second; plain lines where the console is no terminal.

    Shows the redundancy too where it is monitored, before this callback.
    """

    def __init__(self, console: Console, *, batch_size: int) -> None:
        super().__init__()
        self.console = console
        self.batch_size = batch_size
        self.progress: Progress | None = None
        self.task: Any = None
        self.epoch_started = 0.0
        self.latest: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        self.latest = {}
        if not self.console.is_terminal:
            return
        columns = (
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=self.console, transient=False)
        self.progress.start()
        self.task = self.progress.add_task("train", total=self.params["epochs"], figures="first step is being traced")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self.epoch_started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Advance the bar, or print a line."""
        speed = self.params["steps"] * self.batch_size / (time.perf_counter() - self.epoch_started)
        self.latest = {key: float(value) for key, value in (logs or {}).items()}
        figures = f"{_figures(self.latest)}  {speed:,.0f} images/s"
        epochs = self.params["epochs"]
        if self.progress is not None:
            self.progress.update(self.task, completed=epoch + 1, figures=figures)
        elif (epoch + 1) % max(1, epochs // LINES_WITHOUT_TERMINAL) == 0 or epoch + 1 == epochs:
            self.console.print(f"epoch {epoch + 1}/{epochs}  {figures}")

    def close(self) -> None:
        """Take the bar down; also to be called when training fails, because Keras then calls no hook."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Take the bar down."""
        self.close()


def _figures(logs: dict[str, float]) -> str:
    names = {"loss": "loss", "iou": "IoU", "val_loss": "val loss", "val_iou": "val IoU"}
    shown = [f"{label} {logs[key]:.3f}" for key, label in names.items() if key in logs]
    redundancy = logs.get("nas_redundancy", math.nan)  # NaN before the monitor's first look
    return "  ".join([*shown, *([] if math.isnan(redundancy) else [f"redundancy {redundancy:.3f}"])])
