"""The horizontal axis of pictures over training: epochs where each was logged once, else steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from nano_u.reporting.monitored_run import LoggedStep


@dataclass(frozen=True)
class TrainingAxis:
    """Label and position of every logged step."""

    label: str
    positions: tuple[int, ...]


def training_axis(steps: tuple[LoggedStep, ...]) -> TrainingAxis:
    """Epochs; where one was logged more than once, optimizer steps; where those begin again, the number of the row."""
    epochs = tuple(step.epoch for step in steps)
    if len(set(epochs)) == len(epochs):
        return TrainingAxis("epoch", epochs)
    numbers = tuple(step.step for step in steps)
    if all(earlier < later for earlier, later in pairwise(numbers)):
        return TrainingAxis("optimizer step", numbers)
    return TrainingAxis("logged step", tuple(range(1, len(steps) + 1)))
