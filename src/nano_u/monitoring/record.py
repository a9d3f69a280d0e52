"""What one logged step says."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.redundancy import LayerRedundancy, ModelRedundancy


@dataclass(frozen=True)
class StepRecord:
    """The redundancy of every monitored layer, and of the model, at one moment of training."""

    epoch: int
    """From 1: the epoch that was running or had just ended."""
    step: int
    """Optimizer steps taken so far."""
    layers: tuple[LayerRedundancy, ...]
    """In network order."""
    model: ModelRedundancy
