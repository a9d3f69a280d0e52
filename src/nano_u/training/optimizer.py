"""Optimizer and learning-rate schedule from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from nano_u.training.fused_adam import FusedAdam

if TYPE_CHECKING:
    from nano_u.config import TrainingConfig

FINAL_SHARE = 0.01
"""Share of the learning rate that a cosine schedule ends at."""
NOT_DECAYED = ("gamma", "beta", "bias", "low", "high")
"""Scales, offsets and ends of ranges: decay would pull them away from what they are for and buys nothing."""


def make_optimizer(
    config: TrainingConfig, *, learning_rate: float, total_steps: int, steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Adam or AdamW with the configured schedule over `total_steps`.

    Weight decay is AdamW's decoupled one (Loshchilov & Hutter 2019) and moves convolution kernels only.
    """
    rate = _schedule(config, learning_rate, total_steps, steps_per_epoch)
    common: dict[str, Any] = {"learning_rate": rate, "global_clipnorm": config.gradient_clip}
    if config.ema_momentum is not None:
        common |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    decay = config.weight_decay if config.optimizer == "adamw" else None
    optimizer = FusedAdam(weight_decay=decay, **common)
    optimizer.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    return optimizer


def _schedule(config: TrainingConfig, learning_rate: float, total_steps: int, steps_per_epoch: int) -> Any:
    if config.schedule != "cosine":
        return learning_rate
    warmup = min(int(config.warmup_epochs * steps_per_epoch), total_steps // 2)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / max(warmup, 1) if warmup else learning_rate,
        decay_steps=max(total_steps - warmup, 1),
        alpha=FINAL_SHARE,
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )
