"""Histograms of abs(r) over training, and the last correlation matrix of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.monitoring.record import StepRecord
from nano_u.redundancy import HISTOGRAM_BINS

NEVER = -1


@dataclass
class LastMatrix:
    """A layer's last correlation matrix `(channels, channels)` and its step."""

    step: int
    correlation: npt.NDArray[np.float64]


class CorrelationHistory:
    """Grows by one record at a time; a layer may first appear at any step.

    As arrays: `epochs`, `steps` `(steps,)`; `layers` `(layers,)` names; `bin_edges` `(bins + 1,)`; `histograms`
    `(steps, layers, bins)` counts of live pairs, valid where `recorded` `(steps, layers)`; `correlation_<number of
    the layer>` `(channels, channels)`, and `correlation_steps` `(layers,)`, the step of each matrix, -1 without one.
    """

    def __init__(self) -> None:
        self.keys: list[tuple[int, int]] = []
        self._names: dict[str, int] = {}
        self._histograms: list[npt.NDArray[np.uint32]] = []
        self._recorded: list[npt.NDArray[np.bool_]] = []
        self._last: dict[str, LastMatrix] = {}

    def add(self, record: StepRecord) -> None:
        """Take in one step."""
        for layer in record.layers:
            self._names.setdefault(layer.layer, len(self._names))
        counts = np.zeros((len(self._names), HISTOGRAM_BINS), np.uint32)
        recorded = np.zeros(len(self._names), np.bool_)
        for layer in record.layers:
            if layer.histogram is not None:
                counts[self._names[layer.layer]] = layer.histogram
                recorded[self._names[layer.layer]] = True
            if layer.correlation is not None:
                self._last[layer.layer] = LastMatrix(record.step, layer.correlation)
        self.keys.append((record.epoch, record.step))
        self._histograms.append(counts)
        self._recorded.append(recorded)

    def keep_until(self, last: tuple[int, int]) -> None:
        """Forget every step whose (epoch, step) lies after `last`."""
        kept = [index for index, key in enumerate(self.keys) if key <= last]
        self.keys = [self.keys[index] for index in kept]
        self._histograms = [self._histograms[index] for index in kept]
        self._recorded = [self._recorded[index] for index in kept]
        steps = {step for _, step in self.keys}
        self._last = {name: matrix for name, matrix in self._last.items() if matrix.step in steps}

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, by name."""
        shape = len(self.keys), len(self._names)
        histograms, recorded = np.zeros((*shape, HISTOGRAM_BINS), np.uint32), np.zeros(shape, np.bool_)
        for index, (counts, known) in enumerate(zip(self._histograms, self._recorded, strict=True)):
            histograms[index, : len(counts)] = counts
            recorded[index, : len(known)] = known
        last = [self._last.get(name) for name in self._names]
        return {
            "epochs": np.array([epoch for epoch, _ in self.keys], np.int64),
            "steps": np.array([step for _, step in self.keys], np.int64),
            "layers": np.array(list(self._names), np.str_),
            "bin_edges": np.linspace(0, 1, HISTOGRAM_BINS + 1),
            "histograms": histograms,
            "recorded": recorded,
            "correlation_steps": np.array([NEVER if found is None else found.step for found in last], np.int64),
            **{f"correlation_{number}": found.correlation for number, found in enumerate(last) if found is not None},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> CorrelationHistory:
        """The history that `to_arrays` described; KeyError where an array is missing."""
        history = cls()
        history.keys = list(zip(arrays["epochs"].tolist(), arrays["steps"].tolist(), strict=True))
        history._names = {name: number for number, name in enumerate(arrays["layers"].tolist())}
        history._histograms = list(arrays["histograms"])
        history._recorded = list(arrays["recorded"])
        for (name, number), step in zip(history._names.items(), arrays["correlation_steps"].tolist(), strict=True):
            if step != NEVER:
                history._last[name] = LastMatrix(step, arrays[f"correlation_{number}"])
        return history
