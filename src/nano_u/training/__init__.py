"""Training through Keras' own `fit`, with schedules, guards and checkpoints."""

from __future__ import annotations

from nano_u.training.distillation import train_with_distillation
from nano_u.training.fit import train_single_model
from nano_u.training.quantization_aware import train_quantization_aware
from nano_u.training.step import train_step

__all__ = ["train_quantization_aware", "train_single_model", "train_step", "train_with_distillation"]
