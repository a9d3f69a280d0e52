from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nano_u.errors import ConfigError, ModelError
from nano_u.losses import correlation_redundancy, covariance_redundancy
from nano_u.redundancy import GroupMoments, LayerRedundancy, measure_layer

Array = np.ndarray
SHAPE = (6, 5, 4, 4)  # (batch, height, width, channels)


def noise(seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=SHAPE)


def half_copies() -> Array:
    x = noise()
    x[..., 2:] = x[..., :2] * [-3.0, 0.5]
    return x


def equally_correlated() -> Array:
    return noise() + np.random.default_rng(9).normal(size=(*SHAPE[:-1], 1))


def with_constant(value: float | Array) -> Array:
    x = equally_correlated()
    x[..., 1] = value
    return x


CASES: dict[str, Array] = {
    "independent": noise(),
    "half copies": half_copies(),
    "all copies": np.repeat(noise()[..., :1], 4, axis=-1) * [1.0, -2.0, 3.0, 0.1],
    "equal correlation": equally_correlated(),
    "one louder": equally_correlated() * [1.0, 1.0, 100.0, 1.0],
    "mean of 1000 deviations": equally_correlated() + 1000.0,
    "dead at zero": with_constant(0.0),
    "dead at 1e4": with_constant(1e4),
    "dead but for rounding": with_constant(1e4 * (1 + 1e-7 * np.sign(equally_correlated()[..., 0]))),
    "tiny": equally_correlated() * 1e-9,
    "huge": equally_correlated() * 1e9,
    "one live channel": noise() * [0.0, 1.0, 0.0, 0.0],
}
"""The parity of `nano_u.redundancy` (NumPy) and `nano_u.losses` (graph) rests on this one table."""

TABLE = [pytest.param(x.astype(np.float32), id=name) for name, x in CASES.items()]
PENALTIES: dict[str, Callable[..., Any]] = {
    "covariance": covariance_redundancy,
    "unnormalised": lambda x, **options: covariance_redundancy(x, False, **options),
    "correlation": correlation_redundancy,
}
each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)


def numpy_record(x: Array) -> LayerRedundancy:
    images = x.reshape(len(x), -1, x.shape[-1])
    moments = GroupMoments.from_samples(images, np.arange(len(x)))
    return measure_layer(moments, layer="x", mode="training", linear_input=False)


def gradient_of(penalty: Callable[[Any], Any], x: Array) -> Array:
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = penalty(variable)
    return tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("x", TABLE)
def test_the_graph_agrees_with_the_numpy_definitions(x: Array) -> None:
    expected = numpy_record(x)

    penalty, metrics = covariance_redundancy(x, True, True)

    assert float(penalty) == pytest.approx(expected.decov, rel=1e-5)
    assert float(metrics["trace"]) == pytest.approx(expected.trace, rel=1e-6)
    assert float(metrics["off_diagonal_norm"]) == pytest.approx(expected.off_diagonal_norm, rel=1e-6)
    assert float(metrics["condition_number"]) == pytest.approx(expected.condition_number, rel=1e-5)
    assert float(metrics["correlation_mean"]) == pytest.approx(expected.correlation_mean or 0.0, abs=1e-6)
    assert float(metrics["correlation_std"]) == pytest.approx(expected.correlation_std or 0.0, abs=1e-6)


@pytest.mark.parametrize("x", TABLE)
def test_the_correlation_penalty_is_the_mean_square_over_all_pairs(x: Array) -> None:
    record = numpy_record(x)
    live = 4 - (record.dead_channels or 0)
    mean_square = (record.correlation_mean or 0.0) ** 2 + (record.correlation_std or 0.0) ** 2

    value = float(correlation_redundancy(x))

    assert value == pytest.approx(mean_square * live * (live - 1) / 12, abs=1e-5)


def test_decov_without_the_trace_is_half_the_squared_norm() -> None:
    x = CASES["one louder"].astype(np.float32)

    value = float(covariance_redundancy(x, normalize=False))

    assert value == pytest.approx(0.5 * numpy_record(x).off_diagonal_norm ** 2, rel=1e-5)


def test_closed_forms_of_two_samples() -> None:
    # Both channels are +-1 and +-2 around their means: covariance [[1, 2], [2, 4]], or with one sign turned -2.
    x = np.array([[4.0, 9.0], [2.0, 5.0]], np.float32)

    assert float(covariance_redundancy(x)) == pytest.approx(0.5 * (4 + 4) / 5)
    assert float(covariance_redundancy(x * [1, -1], False)) == pytest.approx(4.0)
    assert float(correlation_redundancy(x * [1, -1])) == 1.0


def test_the_ends_of_the_correlation_penalty() -> None:
    hadamard = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)

    assert float(correlation_redundancy(hadamard)) == 0.0
    assert float(correlation_redundancy(CASES["all copies"])) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_lift_the_correlation_penalty_above_one(seed: int) -> None:
    copies = noise(seed)[..., :1] * np.random.default_rng(seed).uniform(0.1, 10, 4)

    assert float(correlation_redundancy(copies.astype(np.float32))) <= 1.0


scales = arrays(np.float32, 4, elements=st.floats(-3, 3, width=32)).map(lambda power: 10.0**power)


@given(scale=scales, order=st.permutations(range(4)), signs=arrays(np.int8, 4, elements=st.sampled_from([-1, 1])))
def test_scale_sign_and_order_do_not_move_the_correlation_penalty(scale: Array, order: list[int], signs: Array) -> None:
    x = CASES["equal correlation"]

    moved = (x * scale * signs)[..., order].astype(np.float32)

    assert float(correlation_redundancy(moved)) == pytest.approx(float(correlation_redundancy(x)), rel=1e-4)


@pytest.mark.parametrize(
    ("penalty", "scale", "factor"),
    [
        (correlation_redundancy, 1e-25, 1.0),
        (correlation_redundancy, 1e25, 1.0),
        (covariance_redundancy, 1e-15, 1e-30),
        (covariance_redundancy, 1e15, 1e30),
    ],
)
def test_tiny_and_huge_activations_stay_in_range(penalty: Callable[..., Any], scale: float, factor: float) -> None:
    x = CASES["equal correlation"]
    scaled = (x * scale).astype(np.float32)

    assert float(penalty(scaled)) == pytest.approx(factor * float(penalty(x)), rel=1e-5)
    assert np.isfinite(gradient_of(penalty, scaled)).all()


def test_decov_grows_with_the_scale_of_the_activations() -> None:
    x = CASES["equal correlation"]

    assert float(covariance_redundancy(10 * x)) == pytest.approx(100 * float(covariance_redundancy(x)))
    assert float(covariance_redundancy(10 * x, False)) == pytest.approx(1e4 * float(covariance_redundancy(x, False)))


@each_penalty
@pytest.mark.parametrize("x", TABLE)
def test_eager_and_graph_agree(penalty: Callable[..., Any], x: Array) -> None:
    in_graph = tf.function(penalty)(tf.constant(x))

    assert float(in_graph) == pytest.approx(float(penalty(x)), rel=1e-6, abs=1e-12)
    np.testing.assert_array_equal(penalty(x), penalty(x))


def test_metrics_agree_in_a_compiled_graph() -> None:
    x = tf.constant(CASES["dead at zero"], tf.float32)
    compiled = tf.function(lambda tensor: covariance_redundancy(tensor, True, True), jit_compile=True)

    (eager, eager_metrics), (graph, graph_metrics) = covariance_redundancy(x, True, True), compiled(x)

    assert float(graph) == pytest.approx(float(eager), rel=1e-6)
    assert {name: float(value) for name, value in graph_metrics.items()} == pytest.approx(
        {name: float(value) for name, value in eager_metrics.items()}, rel=1e-5
    )


@each_penalty
@pytest.mark.parametrize("case", ["equal correlation", "half copies", "one louder"])
def test_gradients_match_a_numerical_difference(penalty: Callable[..., Any], case: str) -> None:
    x = CASES[case]
    gradient = gradient_of(penalty, x)
    step = 1e-5
    random = np.random.default_rng(1)

    assert np.abs(gradient).max() > 0
    for _ in range(5):
        direction = random.normal(size=x.shape)
        difference = float(penalty(x + step * direction)) - float(penalty(x - step * direction))
        assert np.sum(gradient * direction) == pytest.approx(difference / (2 * step), rel=1e-5, abs=1e-9)


@each_penalty
def test_float32_gradients_follow_the_float64_ones(penalty: Callable[..., Any]) -> None:
    x = CASES["equal correlation"] + 1000.0

    gradient = gradient_of(penalty, x.astype(np.float32))

    exact = gradient_of(penalty, x.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(gradient, exact, atol=1e-4 * np.abs(exact).max())


DEGENERATE: dict[str, Array] = {
    "zero activations": np.zeros(SHAPE, np.float32),
    "constant channels": np.full(SHAPE, 1000.1, np.float32),
    "one channel": noise()[..., :1].astype(np.float32),
    "one sample": noise()[:1, 0, 0].astype(np.float32),
    "no sample": np.zeros((0, 5, 4, 4), np.float32),
}


@each_penalty
@pytest.mark.parametrize("x", DEGENERATE.values(), ids=DEGENERATE)
def test_nothing_to_decorrelate_costs_nothing(penalty: Callable[..., Any], x: Array) -> None:
    assert float(penalty(x)) == pytest.approx(0.0, abs=1e-12)
    assert np.all(np.abs(gradient_of(penalty, x)) <= 1e-6)


@pytest.mark.parametrize("x", DEGENERATE.values(), ids=DEGENERATE)
def test_metrics_without_a_definition_can_still_be_averaged(x: Array) -> None:
    _, metrics = covariance_redundancy(x, True, True)

    assert float(metrics["condition_number"]) == 1.0
    assert float(metrics["correlation_mean"]) == float(metrics["correlation_std"]) == 0.0


@each_penalty
@pytest.mark.parametrize("case", ["dead at zero", "dead at 1e4", "dead but for rounding"])
def test_a_dead_channel_gets_no_gradient_and_the_others_a_finite_one(penalty: Callable[..., Any], case: str) -> None:
    gradient = gradient_of(penalty, CASES[case].astype(np.float32))

    assert np.isfinite(gradient).all()
    assert np.abs(gradient[..., [0, 2, 3]]).max() > 0
    if penalty is correlation_redundancy:
        assert np.all(gradient[..., 1] == 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_activations_that_are_not_finite_show_and_raise_nothing(value: float) -> None:
    x = CASES["independent"].astype(np.float32)
    x[0, 0, 0, 0] = value

    penalty, metrics = covariance_redundancy(x, True, True)

    assert np.isnan(penalty)
    assert np.isnan(correlation_redundancy(x))
    assert all(np.isnan(metric) for metric in metrics.values())


def test_metrics_neither_change_the_penalty_nor_carry_gradients() -> None:
    x = tf.Variable(CASES["equal correlation"].astype(np.float32))

    with tf.GradientTape() as tape:
        penalty, metrics = covariance_redundancy(x, True, True)
        total = tf.add_n(list(metrics.values()))

    assert float(penalty) == float(covariance_redundancy(x))
    assert tape.gradient(total, x) is None


@each_penalty
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_is_computed_in_float32(penalty: Callable[..., Any], dtype: tf.DType) -> None:
    x = tf.cast(CASES["equal correlation"] + 10, dtype)

    value = penalty(x)

    assert value.dtype == tf.float32
    assert float(value) == float(penalty(tf.cast(x, tf.float32)))


@each_penalty
@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_every_pixel_is_a_sample_wherever_the_channels_are(penalty: Callable[..., Any], rank: int) -> None:
    x = CASES["equal correlation"].astype(np.float32)
    last = x.reshape({2: (120, 4), 3: (6, 20, 4), 4: SHAPE, 5: (6, 5, 2, 2, 4)}[rank])
    first = np.moveaxis(last, -1, 1)

    assert float(penalty(last)) == pytest.approx(float(penalty(x)), rel=1e-6)
    assert float(penalty(first, data_format="channels_first")) == pytest.approx(float(penalty(x)), rel=1e-6)


@each_penalty
def test_images_can_be_averaged_first(penalty: Callable[..., Any]) -> None:
    x = CASES["equal correlation"].astype(np.float32)

    value = float(penalty(x, spatial="mean"))

    assert value == pytest.approx(float(penalty(x.mean(axis=(1, 2)))), rel=1e-5)
    assert value != pytest.approx(float(penalty(x)), rel=0.01)


@each_penalty
@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (np.zeros(3), {}, ModelError, r"rank 2 to 5, got shape \(3,\)"),
        (np.zeros((1, 1, 1, 1, 1, 1)), {}, ModelError, "rank 2 to 5"),
        (np.zeros((2, 2)), {"spatial": "pixel"}, ConfigError, "'pixels' or 'mean', got 'pixel'"),
        (np.zeros((2, 2)), {"data_format": "NHWC"}, ConfigError, "'channels_last' or 'channels_first', got 'NHWC'"),
    ],
    ids=["vector", "rank 6", "spatial", "data_format"],
)
def test_what_cannot_be_read_is_refused(
    penalty: Callable[..., Any], x: Array, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        penalty(x, **options)
