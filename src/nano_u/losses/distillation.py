"""Divergence between a teacher's and a student's pixel probabilities."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses.segmentation import make_loss

Part = Literal["supervised", "distillation"]


def check_distillation(alpha: float, temperature: float) -> None:
    """ConfigError for a share outside [0, 1], or a temperature that is not positive and finite."""
    if not 0.0 <= alpha <= 1.0:
        raise ConfigError(f"alpha must lie in [0, 1], got {alpha}")
    if not 0.0 < temperature < math.inf:
        raise ConfigError(f"temperature must be positive and finite, got {temperature}")


def bernoulli_divergence(student_logits: tf.Tensor, teacher_logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Mean `T^2 KL(teacher || student)` of Bernoulli distributions with logits divided by T, in nats, >= 0.

    Over one channel a softmax is constant, so its divergence and gradient vanish; the Bernoulli form equals the softmax
    divergence over the two classes with logits `[0, z]`. T^2 keeps the gradient's size (Hinton et al. 2015, sec. 2).
    """
    student = student_logits / temperature
    teacher = teacher_logits / temperature
    probs = tf.sigmoid(teacher)
    # KL = sum over both outcomes of p (log p - log q), with log sigmoid(z) = -softplus(-z).
    positive = probs * (tf.nn.softplus(-student) - tf.nn.softplus(-teacher))
    negative = (1.0 - probs) * (tf.nn.softplus(student) - tf.nn.softplus(teacher))
    return temperature**2 * tf.reduce_mean(positive + negative)


def softmax_divergence(student_logits: tf.Tensor, teacher_logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Mean over pixels of `T^2 KL(teacher || student)` of the classes on the last axis, in nats, >= 0."""
    student = tf.nn.log_softmax(student_logits / temperature)
    teacher = tf.nn.log_softmax(teacher_logits / temperature)
    divergence = tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def distillation_divergence(student_logits: tf.Tensor, teacher_logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """The divergence that fits the number of channels: Bernoulli for one, softmax over classes for more."""
    one_channel = student_logits.shape[-1] == 1
    return (bernoulli_divergence if one_channel else softmax_divergence)(student_logits, teacher_logits, temperature)


def with_soft_targets(labels: tf.Tensor, teacher_logits: tf.Tensor) -> tf.Tensor:
    """Labels `(batch, height, width, 1)` and, behind them on the last axis, the teacher's logits, as one float32."""
    return tf.concat([tf.cast(labels, tf.float32), tf.cast(teacher_logits, tf.float32)], axis=-1)


@keras.saving.register_keras_serializable(package="nano_u")
class DistillationLoss(keras.losses.Loss):
    """`alpha * supervised + (1 - alpha) * T^2 KL(teacher || student)` on targets of `with_soft_targets`.

    `part` "supervised" or "distillation" returns that term alone, without its weight.

    Raises ConfigError for an argument out of its range.
    """

    def __init__(
        self,
        kind: str = "bce",
        alpha: float = 0.3,
        temperature: float = 4.0,
        part: Part | None = None,
        name: str = "distillation_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction="mean", **{k: v for k, v in kwargs.items() if k != "reduction"})
        check_distillation(alpha, temperature)
        if part is not None and part not in get_args(Part):
            raise ConfigError(f"part must be {' or '.join(map(repr, get_args(Part)))}, got {part!r}")
        self.kind, self.alpha, self.temperature, self.part = kind, alpha, temperature, part
        self._supervised = make_loss(kind)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One scalar for the batch."""
        logits = tf.cast(y_pred, tf.float32)
        if self.part == "supervised":
            return self._supervised.call(y_true[..., :1], logits)
        divergence = distillation_divergence(logits, y_true[..., 1:], self.temperature)
        if self.part == "distillation":
            return divergence
        return self.alpha * self._supervised.call(y_true[..., :1], logits) + (1.0 - self.alpha) * divergence

    def get_config(self) -> dict[str, Any]:
        """Configuration for saving."""
        own = {"kind": self.kind, "alpha": self.alpha, "temperature": self.temperature, "part": self.part}
        return {**super().get_config(), **own}
