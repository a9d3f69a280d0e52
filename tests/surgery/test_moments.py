from __future__ import annotations

import keras
import numpy as np
import pytest
from tests.surgery.networks import IMAGES, inner, layers, network

from nano_u.errors import DataError, ModelError
from nano_u.surgery import measure_readers


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return network(
        layers.Conv2D(4, 3, padding="same", activation="relu", name="a"),
        layers.SeparableConv2D(5, 3, padding="same", name="b"),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(3, name="c"),
    )


def test_every_pixel_of_every_image_is_a_sample_of_what_a_reader_reads(model: keras.Model) -> None:
    found = measure_readers(model, IMAGES, batch_size=5)

    samples = inner(model, "mean")
    assert list(found) == ["b", "c"]
    assert found["c"].covariance.dtype == np.float64
    np.testing.assert_allclose(found["c"].mean, samples.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found["c"].covariance, np.cov(samples.T, bias=True), rtol=1e-4, atol=1e-12)


def test_of_a_separable_convolution_the_pointwise_half_is_the_reader(model: keras.Model) -> None:
    depthwise = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="d")
    split = keras.Model(model.input, depthwise(model.get_layer("a").output))
    depthwise.set_weights([model.get_layer("b").depthwise_kernel])

    found = measure_readers(model, IMAGES)["b"]

    samples = inner(split, "d")
    np.testing.assert_allclose(found.mean, samples.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(samples.T, bias=True), rtol=1e-4, atol=1e-9)


def test_batches_do_not_matter_and_progress_counts_images(model: keras.Model) -> None:
    seen: list[tuple[int, int]] = []

    found = measure_readers(model, IMAGES, batch_size=5, progress=lambda done, total: seen.append((done, total)))

    whole = measure_readers(model, IMAGES)
    assert seen == [(5, 12), (10, 12), (12, 12)]
    for name in whole:
        np.testing.assert_allclose(found[name].covariance, whole[name].covariance, rtol=1e-6, atol=1e-12)


def test_a_sequential_model_built_layer_by_layer_is_measured() -> None:
    model = keras.Sequential([keras.Input((16, 16, 3))])
    for layer in (layers.Conv2D(4, 1, name="a"), layers.Conv2D(2, 1, name="b")):
        model.add(layer)

    assert list(measure_readers(model, IMAGES)) == ["b"]


def test_nothing_that_can_be_cut_needs_no_images_run() -> None:
    assert measure_readers(network(layers.Conv2D(4, 1)), IMAGES) == {}


@pytest.mark.parametrize("images", [IMAGES[:0], IMAGES[:, :8]])
def test_images_of_another_size_or_none_are_refused(model: keras.Model, images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"takes images of shape \(16, 16, 3\), got an array of shape"):
        measure_readers(model, images)


def test_a_model_of_two_inputs_is_refused() -> None:
    one, two = keras.Input((16, 16, 3)), keras.Input((16, 16, 3))
    model = keras.Model([one, two], layers.Conv2D(2, 1)(one + two))

    with pytest.raises(ModelError, match="takes 2 inputs"):
        measure_readers(model, IMAGES)


def test_values_that_are_not_finite_are_an_error() -> None:
    model = network(layers.Conv2D(4, 1, name="a"), layers.Conv2D(2, 1, name="b"))
    model.get_layer("a").bias.assign([0.0, np.nan, 0.0, 0.0])

    with pytest.raises(ModelError, match="b: reads values that are not finite"):
        measure_readers(model, IMAGES)
