"""Divergence between a teacher's and a student's pixel probabilities."""

from __future__ import annotations

import tensorflow as tf


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
