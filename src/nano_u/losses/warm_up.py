"""What penalties inside a training step share: a weight that rises, and hearing of the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def warmed_up(weight: float, steps: Any, warmup_steps: int | None) -> tf.Tensor:
    """The weight after `steps` training steps: from 0 linearly to `weight`, or `weight` at once without a warm-up."""
    if not warmup_steps:
        return tf.constant(weight, tf.float32)
    return weight * tf.minimum(tf.cast(steps, tf.float32) / warmup_steps, 1.0)


def on_gradient(value: tf.Tensor, action: Callable[[], Any]) -> tf.Tensor:
    """The same value and gradient; `action` is called where its gradient is computed, or traced."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def heard(inner: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            action()
            return upstream

        return tf.identity(inner), gradient

    return heard(value)
