from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.quantization.fake_quantization import ActivationQuantizer, QuantizedConvolution
from nano_u.training.batch_norm import momentum_for, set_momentum, settle_batch_norm

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


def rounding_model() -> keras.Model:
    """A convolution with BatchNorm inside, between int8 ranges that "ema" moves in training."""
    image = keras.Input((8, 8, 1))
    x = ActivationQuantizer(name="before")(image)
    x = QuantizedConvolution(filters=1, batch_norm=True, momentum=0.99, name="inside")(x)
    model = keras.Model(image, ActivationQuantizer(name="after")(x))
    model.get_layer("before").set_weights([np.float32(0.0), np.float32(63.75)])  # steps of a quarter
    model.get_layer("inside").set_weights([np.ones((1, 1, 1, 1)), np.ones(1), np.zeros(1), np.zeros(1), np.ones(1)])
    model.get_layer("after").set_weights([np.float32(-4.0), np.float32(4.0)])
    return model


def test_lagging_statistics_inside_convolutions_become_the_average_and_ranges_stay() -> None:
    model, data = rounding_model(), bright_data()

    check = settle_batch_norm(model, data)

    assert check is not None
    assert check.reestimated
    _, _, _, mean, variance = model.get_layer("inside").get_weights()
    rounded = [np.round(x * 4) / 4 for x, _ in data]
    assert mean[0] == pytest.approx(np.mean([x.mean() for x in rounded]), rel=1e-5)
    assert variance[0] == pytest.approx(np.mean([x.var() for x in rounded]), rel=1e-3)
    assert [float(value) for value in model.get_layer("before").get_weights()] == [0.0, 63.75]
    assert [float(value) for value in model.get_layer("after").get_weights()] == [-4.0, 4.0]
    assert [model.get_layer(name).momentum for name in ("before", "inside", "after")] == [0.95, 0.99, 0.95]


def test_model_without_batch_norm_needs_nothing() -> None:
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)])

    assert settle_batch_norm(model, bright_data()) is None


def test_a_reestimate_that_is_worse_is_not_kept() -> None:
    """Running statistics that predict every mask exactly, which those of the batches cannot."""
    images = RNG.normal(50, 1, (4, 8, 8, 1)).round(1).astype(np.float32) + 0.05  # none at the very edge
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
    model, rounding = threshold_model(), rounding_model()

    set_momentum(model, 0.75)
    set_momentum(rounding, 0.75)

    assert [layer.momentum for layer in (model.layers[0], rounding.get_layer("inside"))] == [0.75, 0.75]
    assert rounding.get_layer("before").momentum == 0.95  # a range's own
