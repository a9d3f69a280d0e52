"""The parts of the monitor's benchmarks that decide what they print."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark as its own command line would."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def module(name: str) -> ModuleType:
        return importlib.import_module(name)

    return module


def test_t_interval_of_three_values(load):
    estimate = load("intervals").t_interval([1.0, 2.0, 3.0])

    assert estimate == pytest.approx((2.0, 2.0 - 4.3027 / 3**0.5, 2.0 + 4.3027 / 3**0.5))


def test_one_value_has_no_interval(load):
    assert load("intervals").t_interval([0.5]).text(2) == "0.50"


def test_ratio_interval_is_that_of_the_logarithms(load):
    estimate = load("intervals").ratio_interval([2.0, 8.0], [1.0, 1.0])

    assert estimate.mean == pytest.approx(4.0)
    assert estimate.low * estimate.high == pytest.approx(16.0)


def test_equal_values_share_their_mean_rank(load):
    assert load("predictive_validity").ranks([3.0, 1.0, 3.0, 2.0]).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_spearman_sees_order_alone(load):
    validity = load("predictive_validity")

    assert validity.spearman([1, 2, 3], [1, 10, 1000]) == pytest.approx(1.0)
    assert validity.spearman([1, 2, 3], [3, 1, 2]) == pytest.approx(-0.5)
    assert validity.spearman([1, 2, 3], [5, 5, 5]) is None


def test_jackknife_of_one_order_in_every_layer_stays_at_one(load):
    layers = [f"layer{index // 2}" for index in range(8)]

    estimate = load("predictive_validity").spearman_over_layers(range(8), range(8), layers)

    assert estimate == pytest.approx((1.0, 1.0, 1.0), abs=1e-5)


def test_pivot_order_puts_copies_and_dead_channels_last(load):
    x = np.random.default_rng(0).normal(size=(500, 3))
    samples = np.column_stack([x[:, 0], np.zeros(500), x[:, 1], -2 * x[:, 0], x[:, 2]])

    order = load("predictive_validity").pivot_order(np.cov(samples, rowvar=False), samples.mean(axis=0))

    assert order[4] == 1
    assert order[3] in (0, 3)


def test_weighted_order_takes_the_largest_rest_first(load):
    covariance = np.array([[4.0, 3.9, 0.0], [3.9, 4.0, 0.0], [0.0, 0.0, 1.0]])

    order = load("predictive_validity").weighted_pivot_order(covariance, np.array([1.0, 1.1, 1.0]))

    assert order == [1, 2, 0]


@pytest.mark.parametrize("has_bias", [False, True], ids=["batch-norm", "bias"])
def test_folding_a_copied_channel_leaves_the_network_as_it_was(load, has_bias):
    validity = load("predictive_validity")
    model = _network(has_bias)
    (point,) = validity.points_of(model)
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype(np.float32)
    before = [weight.numpy().copy() for weight in model.weights]
    expected = model(images, training=False).numpy()
    activations = keras.Model(model.input, point.consumer.input)(images).numpy().reshape(-1, 8).astype(np.float64)
    covariance = np.cov(activations, rowvar=False, bias=True)
    rebuilt = validity.linear_reconstruction(covariance, activations.mean(axis=0), range(7))

    with validity.removed(point, rebuilt, folded=True):
        folded = model(images, training=False).numpy()
    with validity.removed(point, rebuilt, folded=False):
        zeroed = model(images, training=False).numpy()

    np.testing.assert_allclose(folded, expected, atol=1e-5)
    assert np.abs(zeroed - expected).max() > 1e-2
    assert validity.lost_output_share(point, rebuilt, covariance, folded=True) == pytest.approx(0.0, abs=1e-9)
    assert all(np.array_equal(weight.numpy(), old) for weight, old in zip(model.weights, before, strict=True))


def _network(has_bias: bool) -> keras.Model:
    """Eight channels, of which the last copies the first and is shifted, read by a 1x1 convolution."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    producer = keras.layers.Conv2D(8, 3, padding="same", name="producer")
    consumer = keras.layers.Conv2D(2, 1, use_bias=has_bias, name="consumer")
    x = consumer(producer(inputs))
    model = keras.Model(inputs, x if has_bias else keras.layers.BatchNormalization(name="norm")(x))
    kernel, bias = (value.copy() for value in producer.get_weights())
    kernel[..., 7], bias[7] = kernel[..., 0], bias[0] + 1.5
    producer.set_weights([kernel, bias])
    return model


def test_own_share_is_hooks_and_operations_over_the_epoch(load):
    overhead = load("monitor_overhead")
    cost = overhead.Operations(open=0.010, closed=0.0001, watch=0.001, store_bytes=0)
    off, on = [overhead.Turn(2.0, 4.0, 0.0, 0.0)] * 3, [overhead.Turn(2.1, 4.1, 0.0165, 0.1)] * 3

    row = overhead.make_row(overhead.VARIANTS[overhead.EVERY_EPOCH], 25, cost, off=off, on=on)

    assert row.operations == pytest.approx(4 * 0.010 + 25 * 0.0001 + 0.001)
    assert row.share == pytest.approx(0.06 / 4)
    assert row.cpu_ratio.mean == pytest.approx(4.1 / 4)


@pytest.mark.parametrize(
    ("ratio", "agreement", "missed"),
    [
        ((1.01, 0.99, 1.03), "agrees", False),
        ((1.018, 1.016, 1.019), "CONTRADICTED: costs more", False),
        ((1.05, 1.03, 1.07), "CONTRADICTED: costs more", True),
        ((0.98, 0.97, 0.99), "costs less", False),
    ],
)
def test_pairs_stand_beside_the_own_share(load, ratio, agreement, missed):
    overhead = load("monitor_overhead")
    estimate = load("intervals").Estimate(*ratio)
    variant = overhead.VARIANTS[overhead.EVERY_EPOCH]

    row = overhead.Row(variant, 25, 0.01, 0.005, 1.0, 0.0, estimate, estimate)

    assert row.agreement == agreement
    assert row.is_missed is missed


def test_batch_windows_fill_a_turn(load):
    overhead = load("monitor_overhead")
    by_batches = overhead.Variant("all", every_batches=10)

    assert by_batches.epochs_per_turn(25) == 2
    assert by_batches.epochs_per_turn(250) == 1


def test_differences_are_paired_by_seed(load):
    penalty = load("redundancy_weight")
    rows = [penalty.Row(weight, seed, score, 0, 0, 0, 0, 0, 0) for weight, seed, score in
            [(0.0, 1, 0.5), (0.0, 2, 0.7), (0.1, 2, 0.4), (0.1, 1, 0.3)]]  # fmt: skip

    assert penalty.paired_differences(rows, 0.1, "score") == pytest.approx([-0.3, -0.2])
