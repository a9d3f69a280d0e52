from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.models import FusedBatchNormalization, UpsampleNearest

RNG = np.random.default_rng(0)
BATCH = RNG.normal(3.0, 2.0, (4, 6, 5, 3)).astype(np.float32)


def twins(**options: object) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    ours, theirs = FusedBatchNormalization(**options), keras.layers.BatchNormalization(**options)
    weights = [RNG.uniform(0.5, 2.0, 3).astype(np.float32) for _ in range(4)]
    for layer in (ours, theirs):
        layer.build(BATCH.shape)
        layer.set_weights(weights)
    return ours, theirs


def test_training_equals_keras_in_output_gradient_and_statistics() -> None:
    ours, theirs = twins(momentum=0.8)
    results = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            inputs = tf.Variable(BATCH)
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs**3)
        results.append((outputs, *tape.gradient(loss, [inputs, *layer.trainable_variables]), *layer.get_weights()))

    for ours_value, theirs_value in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(ours_value), np.asarray(theirs_value), rtol=2e-4, atol=2e-4)


def test_inference_equals_keras_to_the_bit() -> None:
    ours, theirs = twins()

    np.testing.assert_array_equal(ours(BATCH, training=False), theirs(BATCH, training=False))


def test_frozen_layer_keeps_its_statistics() -> None:
    ours, theirs = twins()
    ours.trainable = theirs.trainable = False
    before = ours.get_weights()

    np.testing.assert_array_equal(ours(BATCH, training=True), theirs(BATCH, training=True))

    for value, expected in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_two_dimensional_input_takes_keras_own_path() -> None:
    flat = BATCH.reshape(-1, 3)

    ours, theirs = FusedBatchNormalization(), keras.layers.BatchNormalization()

    np.testing.assert_array_equal(ours(flat, training=True), theirs(flat, training=True))


def test_mixed_precision_normalises_half_precision_inputs() -> None:
    layer = FusedBatchNormalization(dtype=keras.DTypePolicy("mixed_bfloat16"))
    outputs = layer(BATCH, training=True)

    assert outputs.dtype == tf.bfloat16
    np.testing.assert_allclose(np.mean(np.asarray(outputs, np.float32), axis=(0, 1, 2)), 0, atol=0.02)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (1, 1)])
def test_upsampling_equals_repeating_rows_and_columns(size: tuple[int, int]) -> None:
    expected = BATCH.repeat(size[0], axis=1).repeat(size[1], axis=2)

    np.testing.assert_array_equal(UpsampleNearest(size)(BATCH), expected)
    np.testing.assert_allclose(UpsampleNearest(size)(BATCH, training=True), expected, rtol=2e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_of_upsampling_is_the_sum_over_each_cell(jit_compile: bool) -> None:
    layer = UpsampleNearest((3, 2))
    weights = RNG.normal(size=(4, 18, 10, 3)).astype(np.float32)

    @tf.function(jit_compile=jit_compile)
    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) * weights)
        return tape.gradient(loss, x)

    expected = weights.reshape(4, 6, 3, 5, 2, 3).sum(axis=(2, 4))
    np.testing.assert_allclose(gradient(tf.constant(BATCH)), expected, rtol=1e-4, atol=1e-5)


def test_saved_model_reloads_with_bit_equal_outputs(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6, 5, 3)), FusedBatchNormalization(), UpsampleNearest((2, 2))])
    model.save(tmp_path / "model.keras")

    loaded = keras.saving.load_model(tmp_path / "model.keras")

    np.testing.assert_array_equal(loaded(BATCH), model(BATCH))
