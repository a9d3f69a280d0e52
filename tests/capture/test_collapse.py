from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.capture.collapse import _collapse_spatial_to_channels, collapse_spatial
from nano_u.errors import ConfigError, ModelError

SHAPES = [(2, 3), (2, 4, 3), (2, 4, 5, 3), (2, 2, 4, 5, 3)]


def activations(shape: tuple[int, ...], data_format: str) -> np.ndarray:
    x = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def reference(x: np.ndarray, data_format: str) -> np.ndarray:
    last = np.moveaxis(x, 1, -1) if data_format == "channels_first" else x
    return np.array([[image[..., channel].mean() for channel in range(last.shape[-1])] for image in last])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_channel_becomes_its_mean_over_space(shape: tuple[int, ...], data_format: str) -> None:
    x = activations(shape, data_format)
    in_graph = tf.function(lambda tensor: collapse_spatial(tensor, data_format))

    results = [collapse_spatial(x, data_format), collapse_spatial(tf.constant(x), data_format), in_graph(x)]

    assert isinstance(results[0], np.ndarray)
    for result in results:
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, reference(x, data_format), rtol=1e-5, atol=1e-6)


def test_without_a_data_format_keras_own_setting_counts() -> None:
    x = activations((2, 4, 5, 3), "channels_first")
    before = keras.config.image_data_format()

    keras.config.set_image_data_format("channels_first")
    try:
        collapsed = collapse_spatial(x)
    finally:
        keras.config.set_image_data_format(before)

    np.testing.assert_allclose(collapsed, x.mean(axis=(2, 3)), rtol=1e-5, atol=1e-6)
    assert collapse_spatial(x).shape == (2, 5)


def test_symbolic_tensors_keep_an_unknown_batch() -> None:
    collapsed = collapse_spatial(keras.Input((None, 5, 3)))

    assert collapsed.shape == (None, 3)


def test_large_means_keep_their_digits() -> None:
    x = (1000 + np.random.default_rng(0).normal(size=(2, 64, 64, 3))).astype(np.float32)

    np.testing.assert_allclose(collapse_spatial(x), x.astype(np.float64).mean(axis=(1, 2)), rtol=1e-7)


@pytest.mark.parametrize(("given", "expected"), [(np.float16, np.float16), (np.uint8, np.float16)])
def test_the_type_stays_floating(given: type, expected: type) -> None:
    x = np.full((1, 64, 64, 2), 250, given)

    collapsed = collapse_spatial(x)

    assert collapsed.dtype == expected
    assert collapsed.tolist() == [[250, 250]]


@pytest.mark.parametrize("shape", [(), (3,), (1, 1, 1, 1, 1, 1)], ids=str)
@pytest.mark.parametrize("kind", [np.zeros, tf.zeros], ids=["numpy", "tensor"])
def test_other_ranks_are_refused(kind: type, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="rank 2 to 5, got shape"):
        collapse_spatial(kind(shape))


def test_an_unknown_rank_is_refused() -> None:
    unknown = tf.function(collapse_spatial, input_signature=[tf.TensorSpec(None)], autograph=False)

    with pytest.raises(ModelError, match="rank 2 to 5"):
        unknown(tf.zeros((2, 3)))


def test_an_unknown_data_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="'channels_last' or 'channels_first', got 'NCHW'"):
        collapse_spatial(np.zeros((2, 3)), "NCHW")


def test_the_earlier_name_is_the_same_function() -> None:
    assert _collapse_spatial_to_channels is collapse_spatial
