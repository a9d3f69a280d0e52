"""`nano-u distill`: `nano-u train` with a teacher."""

from __future__ import annotations

from functools import wraps
from typing import Any

from nano_u.cli.train import train_command


@wraps(train_command, assigned=("__annotations__",))
def distill_command(**arguments: Any) -> None:
    """Train a network on masks and on a teacher's logits; the options are those of train.

    The teacher comes from --teacher or from teacher_weights of the experiment.
    """
    overrides = arguments.get("overrides") or []
    train_command(**{**arguments, "overrides": ["use_distillation=true", *overrides]})
