from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.losses import bernoulli_divergence, make_loss
from nano_u.models import create_nano_u
from nano_u.training import train_step

RNG = np.random.default_rng(0)
X = RNG.random((4, 8, 8, 3), np.float32)
Y = RNG.integers(0, 2, (4, 8, 8, 1)).astype(np.float32)


def tiny(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return create_nano_u((8, 8, 3), filters=[2], bottleneck=2, blocks_per_stage=1)


def test_without_a_teacher_the_loss_is_the_supervised_one() -> None:
    student = tiny(0)
    expected = make_loss("bce")(Y, student(X, training=True))

    result = train_step(student, None, X, Y, keras.optimizers.SGD(0.1))

    assert float(result["loss"]) == float(result["student_loss"]) == pytest.approx(float(expected), rel=1e-6)
    assert float(result["distillation_loss"]) == 0.0


def test_steps_lower_the_loss() -> None:
    student, optimizer = tiny(0), keras.optimizers.Adam(0.05)

    losses = [float(train_step(student, None, X, Y, optimizer)["loss"]) for _ in range(20)]

    assert losses[-1] < 0.9 * losses[0]


def test_total_mixes_both_losses_by_alpha_and_leaves_the_teacher_alone() -> None:
    student, teacher = tiny(0), tiny(1)
    before = [weight.copy() for weight in teacher.get_weights()]
    logits = student(X, training=True)
    divergence = float(bernoulli_divergence(logits, teacher(X, training=False), 2.0))

    result = train_step(student, teacher, X, Y, keras.optimizers.SGD(0.0), alpha=0.25, temperature=2.0)

    assert float(result["distillation_loss"]) == pytest.approx(divergence, rel=1e-5)
    assert float(result["loss"]) == pytest.approx(0.25 * float(result["student_loss"]) + 0.75 * divergence, rel=1e-5)
    for old, new in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_graph_and_eager_agree() -> None:
    eager = train_step(tiny(0), None, X, Y, keras.optimizers.SGD(0.1))
    student, optimizer = tiny(0), keras.optimizers.SGD(0.1)
    optimizer.build(student.trainable_variables)

    graph = tf.function(lambda x, y: train_step(student, None, x, y, optimizer))(X, Y)

    assert float(graph["loss"]) == pytest.approx(float(eager["loss"]), rel=1e-5)


def test_alpha_and_temperature_are_checked() -> None:
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1.5"):
        train_step(tiny(0), None, X, Y, keras.optimizers.SGD(), alpha=1.5)
    with pytest.raises(ValueError, match="temperature must be positive and finite, got 0"):
        train_step(tiny(0), None, X, Y, keras.optimizers.SGD(), temperature=0)
