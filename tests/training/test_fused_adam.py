from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.training.fused_adam import FusedAdam

RNG = np.random.default_rng(0)
START = RNG.normal(size=(3, 4)).astype(np.float32)
GRADIENTS = [RNG.normal(scale=10.0**power, size=(3, 4)).astype(np.float32) for power in (-3, 0, 2, -6, 0)]


def steps(optimizer: keras.optimizers.Optimizer, *, graph: bool) -> list[np.ndarray]:
    """The variable and the optimizer's state after all gradients."""
    variable = keras.Variable(START, name="kernel")
    optimizer.build([variable])
    apply = (
        tf.function(lambda g: optimizer.apply([g], [variable])) if graph else lambda g: optimizer.apply([g], [variable])
    )
    for gradient in GRADIENTS:
        apply(tf.constant(gradient))
    return [np.asarray(state) for state in (variable, *optimizer.variables)]


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"amsgrad": True},
        {"global_clipnorm": 0.1},
        {"use_ema": True, "ema_momentum": 0.5},
        {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 5)},
    ],
    ids=["plain", "decay", "betas", "amsgrad", "clipped", "averaged", "scheduled"],
)
def test_results_and_state_equal_keras(options: dict[str, object], graph: bool) -> None:
    arguments = {"learning_rate": 0.1, **options}

    ours = steps(FusedAdam(**arguments), graph=graph)
    theirs = steps(keras.optimizers.Adam(**arguments), graph=graph)

    assert len(ours) == len(theirs)
    for value, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


def test_configuration_round_trip() -> None:
    optimizer = FusedAdam(0.25, weight_decay=0.5, beta_1=0.75)

    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))

    assert type(copy) is FusedAdam
    assert copy.get_config() == optimizer.get_config()


def test_with_weight_decay_it_is_adamw() -> None:
    arguments = {"learning_rate": 0.1, "weight_decay": 0.2}

    ours = steps(FusedAdam(**arguments), graph=True)
    theirs = steps(keras.optimizers.AdamW(**arguments), graph=True)

    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-6)
