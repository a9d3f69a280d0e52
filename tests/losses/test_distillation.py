from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses import DistillationLoss, bernoulli_divergence, distillation_divergence, softmax_divergence


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


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0, 8.0])
def test_each_logit_has_the_value_and_gradient_of_the_softmax_over_zero_and_it(temperature: float) -> None:
    rng = np.random.default_rng(1)
    teachers, students = rng.normal(0, 3, (2, 1000))

    def two_classes(logit: tf.Tensor) -> tf.Tensor:
        return tf.stack([tf.zeros_like(logit), logit], axis=-1)

    student = tf.Variable(students)
    with tf.GradientTape(persistent=True) as tape:
        # The mean over a thousand logits, taken apart again: each gradient is that of one of them.
        one = distillation_divergence(student[:, None], teachers[:, None], temperature)
        two = distillation_divergence(two_classes(student), two_classes(tf.constant(teachers)), temperature)

    assert float(one) == pytest.approx(float(two), rel=1e-6)
    np.testing.assert_allclose(tape.gradient(one, student), tape.gradient(two, student), rtol=1e-6, atol=1e-12)
    for index in range(0, 1000, 100):
        alone = distillation_divergence(student[index, None, None], teachers[index, None, None], temperature)
        classes = softmax_divergence(
            two_classes(student[index])[None], two_classes(tf.constant(teachers[index]))[None], temperature
        )
        assert float(alone) == pytest.approx(float(classes), rel=1e-6, abs=1e-9)


def test_a_shift_of_all_classes_changes_nothing_and_equal_classes_have_no_divergence() -> None:
    logits = tf.constant([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
    other = tf.constant([[0.0, 1.0, 0.5], [2.0, 2.0, 2.0]])

    assert float(softmax_divergence(logits, logits + 5.0, 2.0)) == pytest.approx(0.0, abs=1e-6)
    shifted = float(softmax_divergence(logits - 3.0, other, 2.0))
    assert shifted == pytest.approx(float(softmax_divergence(logits, other, 2.0)), rel=1e-5)
    assert shifted > 0.1


def test_the_loss_survives_saving() -> None:
    loss = DistillationLoss("bce_dice", 0.2, 3.0, part="distillation")

    assert DistillationLoss.from_config(loss.get_config()).get_config() == loss.get_config()


def test_equal_logits_have_no_divergence() -> None:
    logits = tf.constant([-3.0, 0.0, 5.0])

    assert float(bernoulli_divergence(logits, logits, 2.0)) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 2.0}, r"alpha must lie in \[0, 1\], got 2.0"),
        ({"alpha": float("nan")}, r"alpha must lie in \[0, 1\], got nan"),
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"temperature": float("inf")}, "temperature must be positive and finite, got inf"),
        ({"part": "teacher"}, "part must be 'supervised' or 'distillation', got 'teacher'"),
    ],
)
def test_what_is_no_mixture_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DistillationLoss(**options)
