"""The horizontal axis of pictures over training: epochs where each was logged once, else optimizer steps."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.reporting.monitored_run import LoggedStep


@dataclass(frozen=True)
class TrainingAxis:
    """Label and position of every logged step."""

    label: str
    positions: tuple[int, ...]


def training_axis(steps: tuple[LoggedStep, ...]) -> TrainingAxis:
    """Epochs, unless one of them was logged more than once."""
    epochs = tuple(step.epoch for step in steps)
    if len(set(epochs)) == len(epochs):
        return TrainingAxis("epoch", epochs)
    return TrainingAxis("optimizer step", tuple(step.step for step in steps))
