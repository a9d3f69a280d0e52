from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.training.batch_norm import batch_norms, momentum_for, set_momentum, settle_batch_norm

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("steps", "momentum"), [(1, 0.5), (8, 0.5), (40, 0.9), (400, 0.99), (10_000, 0.99)])
def test_momentum_follows_the_number_of_steps(steps: int, momentum: float) -> None:
    assert momentum_for(steps) == pytest.approx(momentum)


def bright_data() -> list[tuple[np.ndarray, np.ndarray]]:
    """Images far from zero mean: untrained running statistics put every pixel on the same side."""
    images = RNG.normal(50, 1, (4, 8, 8, 1)).astype(np.float32)
    return [(images[:2], (images[:2] > 50).astype(int)), (images[2:], (images[2:] > 50).astype(int))]


def threshold_model() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.BatchNormalization(momentum=0.99)])


def test_lagging_statistics_become_the_average_over_all_batches() -> None:
    model, data = threshold_model(), bright_data()

    check = settle_batch_norm(model, data)

    assert check is not None
    assert check.reestimated
    assert check.inference_iou < 0.6 < 0.9 < check.training_iou
    _, _, mean, variance = model.get_weights()
    assert mean[0] == pytest.approx(np.mean([x.mean() for x, _ in data]), rel=1e-5)
    assert variance[0] == pytest.approx(np.mean([x.var() for x, _ in data]), rel=1e-4)


def test_settled_statistics_are_left_as_they_are() -> None:
    model, data = threshold_model(), bright_data()
    images = np.concatenate([x for x, _ in data])
    model.layers[0].set_weights([np.ones(1), np.zeros(1), np.array([images.mean()]), np.array([images.var()])])
    before = model.get_weights()

    check = settle_batch_norm(model, data)

    assert check is not None
    assert not check.reestimated
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_momentum_is_the_same_afterwards() -> None:
    model = threshold_model()

    settle_batch_norm(model, bright_data())

    assert model.layers[0].momentum == 0.99


def test_model_without_batch_norm_needs_nothing() -> None:
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)])

    assert settle_batch_norm(model, bright_data()) is None


def test_a_reestimate_that_is_worse_is_not_kept() -> None:
    """Running statistics that predict every mask exactly, which those of the batches cannot."""
    images = RNG.normal(50, 1, (4, 8, 8, 1)).astype(np.float32)
    data = [(images, (images > 49).astype(int))]
    model = threshold_model()
    model.layers[0].set_weights([np.ones(1), np.zeros(1), np.array([49.0]), np.ones(1)])
    before = model.get_weights()

    check = settle_batch_norm(model, data)

    assert check is not None
    assert (check.inference_iou, check.reestimated) == (1.0, False)
    assert check.reestimated_iou == pytest.approx(check.training_iou)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_momentum_of_every_layer_can_be_set_after_building() -> None:
    model = threshold_model()

    set_momentum(model, 0.75)

    assert [layer.momentum for layer in batch_norms(model)] == [0.75]
