from __future__ import annotations

import math

import pytest
from rich.console import Console

from nano_u.training.progress import TrainingProgress


def lines(logs: list[dict[str, float]]) -> list[str]:
    """What a console that is no terminal shows of these epochs."""
    console = Console(width=200)
    progress = TrainingProgress(console, batch_size=4)
    progress.set_params({"epochs": len(logs), "steps": 3})
    with console.capture() as captured:
        progress.on_train_begin()
        for epoch, entry in enumerate(logs):
            progress.on_epoch_begin(epoch)
            progress.on_epoch_end(epoch, entry)
        progress.on_train_end()
    return [line.rsplit("  ", 1)[0] for line in captured.get().splitlines()]


def test_a_line_shows_loss_iou_and_the_redundancy_of_a_monitored_training() -> None:
    assert lines([{"loss": 0.5, "iou": 0.25, "val_loss": 0.75, "val_iou": 0.125, "nas_redundancy": 0.3125}]) == [
        "epoch 1/1  loss 0.500  IoU 0.250  val loss 0.750  val IoU 0.125  redundancy 0.312"
    ]


@pytest.mark.parametrize("logs", [{"loss": 0.5}, {"loss": 0.5, "nas_redundancy": math.nan}])
def test_without_a_monitor_and_before_its_first_look_there_is_no_redundancy(logs: dict[str, float]) -> None:
    assert lines([logs]) == ["epoch 1/1  loss 0.500"]
