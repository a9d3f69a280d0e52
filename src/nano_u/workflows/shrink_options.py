"""What a shrinking is to reach, what that may cost, and who is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nano_u.errors import ConfigError
from nano_u.graph.budget import Budget
from nano_u.reporting.shrink_steps import ShrinkStep, StepKind

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ShrinkOptions:
    """Limits, and how long each cut is fine-tuned.

    Without a budget the network is made as small as the accuracy allows. `max_iou_drop` is counted from the validation
    IoU at the start; at most `steps` cuts are tried; `final_epochs` follow the last one. ConfigError for values out of
    range.
    """

    budget: Budget | None = None
    max_iou_drop: float = 0.005
    steps: int = 40
    tuning_epochs: int = 10
    final_epochs: int = 30
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_iou_drop <= 1.0:
            raise ConfigError(f"max_iou_drop must lie in [0, 1], got {self.max_iou_drop}")
        for name, least in (("steps", 1), ("tuning_epochs", 0), ("final_epochs", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate must be positive, got {self.learning_rate}")

    def epochs_after(self, kind: StepKind) -> int:
        """Of fine-tuning: layers that go or change places compute something else and take as long as the last one."""
        return self.tuning_epochs if kind == "cut" else max(self.tuning_epochs, self.final_epochs)

    def record(self) -> dict[str, Any]:
        """What a shrinking that goes on must have in common with the one that began; more steps are allowed."""
        return {
            "budget": None if self.budget is None else dict(self.budget.limits),
            "max_iou_drop": self.max_iou_drop,
            "tuning_epochs": self.tuning_epochs,
            "final_epochs": self.final_epochs,
            "learning_rate": self.learning_rate,
        }


@dataclass(frozen=True)
class ShrinkObserver:
    """What a front end may hook into; every field is optional."""

    progress: Progress | None = None
    """Called with what is being done, how many are done and how many there are."""
    step: Callable[[ShrinkStep], None] = lambda step: None
    """Called with each step when it is decided."""
