from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nano_u.losses import bernoulli_divergence


def test_check_value_and_gradient() -> None:
    with tf.GradientTape() as tape:
        student = tf.Variable([-1.0])
        value = bernoulli_divergence(student, tf.constant([2.0]), 4.0)

    assert float(value) == pytest.approx(1.099311, abs=1e-5)
    assert float(tape.gradient(value, student)[0]) == pytest.approx(-0.738543, abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0, 8.0])
def test_equals_the_two_class_softmax_divergence(temperature: float) -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(0, 3, (2, 1000))

    def two_class(z: np.ndarray) -> np.ndarray:
        exponents = np.exp(np.stack([np.zeros_like(z), z]) / temperature)
        return exponents / exponents.sum(axis=0)

    p, q = two_class(teacher), two_class(student)
    expected = temperature**2 * (p * np.log(p / q)).sum(axis=0).mean()

    value = bernoulli_divergence(tf.constant(student), tf.constant(teacher), temperature)

    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_equal_logits_have_no_divergence() -> None:
    logits = tf.constant([-3.0, 0.0, 5.0])

    assert float(bernoulli_divergence(logits, logits, 2.0)) == pytest.approx(0.0, abs=1e-7)
