from __future__ import annotations

import pytest
import tensorflow as tf

from nano_u.losses.warm_up import on_gradient, warmed_up


@pytest.mark.parametrize(
    ("steps", "warmup_steps", "weight"),
    [(0, 4, 0.0), (1, 4, 0.5), (4, 4, 2.0), (9, 4, 2.0), (0, None, 2.0), (0, 0, 2.0)],
)
def test_the_weight_rises_linearly_and_stays(steps: int, warmup_steps: int | None, weight: float) -> None:
    assert float(warmed_up(2.0, tf.constant(steps, tf.int64), warmup_steps)) == weight


def test_a_gradient_is_heard_and_left_as_it_is() -> None:
    heard = []
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = on_gradient(x * x, lambda: heard.append(1))
    assert (float(y), heard) == (9.0, [])

    assert float(tape.gradient(y, x)) == 6.0
    assert heard == [1]
