from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.quantization.fake_quantization import ActivationQuantizer, InputQuantizer, QuantizedConvolution

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 5, 3)).astype(np.float32)


def quantizer(low: float, high: float, **options: object) -> ActivationQuantizer:
    layer = ActivationQuantizer(**options)
    layer.build((None, 4))
    layer.low.assign(low)
    layer.high.assign(high)
    return layer


def convolution(**options: object) -> QuantizedConvolution:
    keras.utils.set_random_seed(1)
    layer = QuantizedConvolution(**{"filters": 4, "window": (3, 3), **options})
    layer.build(X.shape)
    if layer.batch_norm:
        count = len(layer.gamma.numpy())
        layer.gamma.assign(RNG.uniform(0.5, 2.0, count))
        layer.beta.assign(RNG.normal(size=count))
        layer.moving_mean.assign(RNG.normal(size=count))
        layer.moving_variance.assign(RNG.uniform(0.5, 2.0, count))
    return layer


def plain(x: np.ndarray, kernel: np.ndarray, *, depthwise: bool) -> np.ndarray:
    """A float convolution of stride 1 and same padding with `(height, width, [channels,] filters)` weights."""
    if depthwise:
        return tf.nn.depthwise_conv2d(x, kernel[..., None], [1, 1, 1, 1], "SAME").numpy()
    return tf.nn.conv2d(x, kernel, 1, "SAME").numpy()


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (-0.3, 0.1), (0.0, 6.0), (-2.0, 0.0)])
def test_values_land_on_the_grid_of_scale_and_zero_point(low: float, high: float) -> None:
    layer = quantizer(low, high)
    values = np.linspace(low - 1, high + 1, 4001, dtype=np.float32)

    rounded = np.asarray(layer(values))

    scale, zero_point = layer.scale_and_zero_point()
    steps = rounded / scale + zero_point
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert (np.rint(steps).min(), np.rint(steps).max()) == (-128, 127)
    inside = (values >= scale * (-128 - zero_point)) & (values <= scale * (127 - zero_point))
    assert np.abs(rounded - values)[inside].max() <= 0.5001 * scale
    assert scale == pytest.approx((high - low) / 255)
    assert np.asarray(layer(np.zeros(1, np.float32)))[0] == 0.0  # padding is exact


def test_gradients_pass_inside_the_range_and_stop_outside() -> None:
    layer, values = quantizer(-1.0, 1.0), tf.constant([-2.0, -0.5, 0.3, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(layer(values))

    np.testing.assert_array_equal(tape.gradient(total, values), [0.0, 1.0, 1.0, 0.0])


def test_a_range_follows_the_extremes_of_training_batches_and_rests_in_inference() -> None:
    layer = quantizer(-1.0, 1.0, momentum=0.75)
    values = np.array([-3.0, 0.0, 5.0], np.float32)

    layer(values, training=False)
    assert (float(layer.low), float(layer.high)) == (-1.0, 1.0)
    layer(values, training=True)

    assert (float(layer.low), float(layer.high)) == (0.75 * -1 + 0.25 * -3, 0.75 * 1 + 0.25 * 5)


def test_a_rectified_range_starts_at_zero_whatever_comes() -> None:
    layer = quantizer(0.0, 2.0, rectified=True)

    layer(np.array([-9.0, 4.0], np.float32), training=True)

    assert layer.scale_and_zero_point()[1] == -128
    assert float(layer.low) == 0.0


def test_learned_ends_get_gradients_from_what_they_cut_off() -> None:
    layer = quantizer(-1.0, 1.0, ranges="learned")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(tf.constant([-2.0, 0.5, 3.0, 4.0]), training=True))

    low, high = tape.gradient(total, [layer.low, layer.high])
    assert (float(low), float(high)) == (1.0, 2.0)
    assert (float(layer.low), float(layer.high)) == (-1.0, 1.0)


def test_the_input_is_rounded_to_bytes() -> None:
    values = np.array([-0.1, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 1.2], np.float32)

    np.testing.assert_allclose(InputQuantizer()(values) * 255, [0, 0, 0, 1, 255, 255], atol=1e-4)


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_is_computed_is_the_integer_kernel_and_the_folded_bias(depthwise: bool, batch_norm: bool) -> None:
    layer = convolution(depthwise=depthwise, batch_norm=batch_norm, filters=3 if depthwise else 4)

    kernel, scales = layer.integer_kernel()

    _, bias = layer.folded()
    expected = plain(X, kernel.astype(np.float32) * scales, depthwise=depthwise) + bias
    np.testing.assert_allclose(layer(X, training=False), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(kernel).reshape(-1, layer.filters).max(axis=0).tolist() == [127] * layer.filters
    folded, _ = layer.folded()
    assert (np.abs(kernel * scales - folded) <= 0.5001 * scales).all()


@pytest.mark.parametrize("depthwise", [False, True])
def test_with_batch_norm_training_normalises_by_the_batch_and_moves_the_averages_once(depthwise: bool) -> None:
    layer = convolution(depthwise=depthwise, batch_norm=True, momentum=0.75, filters=3 if depthwise else 4)
    kernel, scales = layer.integer_kernel()
    gain = layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    raw = plain(X, kernel.astype(np.float32) * scales / gain, depthwise=depthwise)
    mean, variance = raw.mean(axis=(0, 1, 2)), raw.var(axis=(0, 1, 2))
    gamma, beta = layer.gamma.numpy(), layer.beta.numpy()
    expected_variance = 0.75 * layer.moving_variance.numpy() + 0.25 * variance
    expected_mean = 0.75 * layer.moving_mean.numpy() + 0.25 * mean

    outputs = np.asarray(layer(X, training=True))

    np.testing.assert_allclose(layer.moving_mean.numpy(), expected_mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), expected_variance, rtol=1e-4)
    exact = (raw - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta
    np.testing.assert_allclose(outputs, exact, rtol=1e-3, atol=1e-4)


def test_layers_survive_saving() -> None:
    for layer in (quantizer(-1.0, 2.0, ranges="learned"), convolution(depthwise=True, batch_norm=True, filters=3)):
        copy = type(layer).from_config(layer.get_config())
        assert copy.get_config() == layer.get_config()
