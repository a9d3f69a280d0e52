from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.config import TrainingConfig
from nano_u.training.optimizer import FINAL_SHARE, make_optimizer


def rate_at(optimizer: keras.optimizers.Optimizer, step: int) -> float:
    optimizer.iterations.assign(step)
    return float(optimizer.learning_rate)


def test_cosine_warms_up_peaks_and_ends_at_its_final_share() -> None:
    config = TrainingConfig(schedule="cosine", warmup_epochs=1.0)
    optimizer = make_optimizer(config, learning_rate=0.1, total_steps=100, steps_per_epoch=10)

    assert rate_at(optimizer, 0) == pytest.approx(0.01)
    assert rate_at(optimizer, 10) == pytest.approx(0.1)
    assert rate_at(optimizer, 55) == pytest.approx(0.1 * (1 + FINAL_SHARE) / 2, rel=1e-3)
    assert rate_at(optimizer, 100) == pytest.approx(0.1 * FINAL_SHARE)


def test_cosine_without_warm_up_starts_at_the_top() -> None:
    config = TrainingConfig(schedule="cosine", warmup_epochs=0.0)

    assert rate_at(make_optimizer(config, learning_rate=0.1, total_steps=10, steps_per_epoch=5), 0) == pytest.approx(
        0.1
    )


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_keep_the_rate(schedule: str) -> None:
    config = TrainingConfig(schedule=schedule)

    assert rate_at(make_optimizer(config, learning_rate=0.1, total_steps=9, steps_per_epoch=3), 9) == pytest.approx(0.1)


def test_weight_decay_and_clipping_reach_the_optimizer() -> None:
    config = TrainingConfig(optimizer="adamw", weight_decay=0.03, gradient_clip=2.0, ema_momentum=0.9)
    optimizer = make_optimizer(config, learning_rate=0.1, total_steps=9, steps_per_epoch=3)

    assert (optimizer.weight_decay, optimizer.global_clipnorm, optimizer.ema_momentum) == (0.03, 2.0, 0.9)


def test_adam_has_no_weight_decay() -> None:
    config = TrainingConfig(optimizer="adam")
    optimizer = make_optimizer(config, learning_rate=0.1, total_steps=9, steps_per_epoch=3)

    assert optimizer.weight_decay is None


def test_decay_moves_kernels_but_neither_scales_nor_offsets() -> None:
    optimizer = make_optimizer(
        TrainingConfig(weight_decay=0.5, schedule="constant"), learning_rate=0.1, total_steps=9, steps_per_epoch=3
    )
    variables = [keras.Variable(np.ones(2), name=name) for name in ("kernel", "gamma", "beta", "bias")]
    optimizer.build(variables)

    optimizer.apply([np.zeros(2, np.float32)] * 4, variables)

    assert [float(variable[0]) for variable in variables] == pytest.approx([0.95, 1.0, 1.0, 1.0])
