"""One optimisation step for training loops written by hand."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nano_u.losses import distillation_divergence, make_loss
from nano_u.losses.distillation import check_distillation


def train_step(
    student: keras.Model,
    teacher: keras.Model | None,
    x: Any,
    y: Any,
    optimizer: keras.optimizers.Optimizer,
    alpha: float = 0.3,
    temperature: float = 4.0,
) -> dict[str, tf.Tensor]:
    """Update `student` once and return the scalars `loss`, `student_loss` and `distillation_loss`.

    `total = alpha * supervised + (1 - alpha) * distillation`; without a teacher the total is the supervised loss and
    `distillation_loss` is 0. The teacher runs in inference mode and is not changed. `x` is `(batch, height, width, 3)`
    in [0, 1], `y` `(batch, height, width, 1)` with labels 0, 1 or 255 (ignored). Works eagerly and in `tf.function`.

    Raises:
        ConfigError, a ValueError: alpha outside [0, 1] or a temperature that is not positive and finite.
    """
    check_distillation(alpha, temperature)
    supervised = make_loss("bce")
    target = None if teacher is None else tf.stop_gradient(teacher(x, training=False))
    with tf.GradientTape() as tape:
        logits = student(x, training=True)
        student_loss = supervised(y, logits)
        distillation_loss = tf.zeros(())
        loss = student_loss
        if target is not None:
            distillation_loss = distillation_divergence(logits, target, temperature)
            loss = alpha * student_loss + (1.0 - alpha) * distillation_loss
        if student.losses:
            loss += tf.add_n(student.losses)
    variables = student.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return {"loss": loss, "student_loss": student_loss, "distillation_loss": distillation_loss}
