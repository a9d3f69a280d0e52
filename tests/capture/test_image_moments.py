from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from nano_u.capture.image_moments import image_moments, samples_per_image

GATE, LOPSIDED_GATE = 1e-6, 1e-5
"""DESIGN: largest |dS_ij| / sqrt(S_ii S_jj), and the same where a mean is a thousand standard deviations."""

CHANNELS = 6


def noise(images: int = 5, samples: int = 256, seed: int = 0) -> np.ndarray:
    """Correlated normal float32 `(images, samples, CHANNELS)`."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(CHANNELS, CHANNELS))
    return (random.normal(size=(images, samples, CHANNELS)) @ mixing).astype(np.float32)


def scatter_of(x: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and centred scatter over all images, as the graph's sums tell them."""
    found = image_moments(x)
    count = x.shape[0] * x.shape[1]
    sums, products = (np.sum(values, axis=0) for values in (found.sums.numpy(), found.products.numpy()))
    shift = sums / count
    origin, scale = np.split(np.float64(found.treatment.numpy()[1:]), 2)
    return origin + scale * shift, (products - count * np.outer(shift, shift)) * np.outer(scale, scale)


def largest_error(x: np.ndarray) -> float:
    """Relative to the scatter of the same float32 values in float64; a constant channel must have none at all."""
    mean, scatter = scatter_of(tf.constant(x))
    values = x.reshape(-1, x.shape[-1]).astype(np.longdouble)
    centred = values - values.mean(axis=0)
    expected = (centred.T @ centred).astype(np.float64)
    unit = np.sqrt(np.diag(expected))
    live = unit > 0
    np.testing.assert_allclose(mean[live], values.mean(axis=0)[live].astype(float), rtol=1e-6, atol=1e-6 * unit.max())
    assert np.all(np.abs(scatter[~live]).max(axis=0, initial=0) <= 1e-12 * unit.max() * np.maximum(unit, unit.max()))
    relative = np.abs(scatter - expected)[np.ix_(live, live)] / np.outer(unit[live], unit[live])
    return float(np.max(relative, initial=0))


def relu_with_constant_zeros(x: np.ndarray) -> np.ndarray:
    x = np.maximum(x, 0)
    x[..., 1] = 0
    return x


def mixed_scales(x: np.ndarray) -> np.ndarray:
    return x * np.float32([1e-25, 1e-12, 1e-3, 1, 1e12, 1e18])


def nearly_constant(x: np.ndarray) -> np.ndarray:
    """Most samples of a saturated channel are equal, which is where float32 sums drift most."""
    return np.where(x > 2.5 * x.std(), x, np.float32(1))


CASES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "centred": (lambda x: x, GATE),
    "relu_with_constant_zeros": (relu_with_constant_zeros, GATE),
    "mean_of_one_std": (lambda x: x + x.std(axis=(0, 1)), GATE),
    "mean_of_ten_std": (lambda x: x + 10 * x.std(axis=(0, 1)), GATE),
    "mean_of_a_thousand_std": (lambda x: x + 1000 * x.std(axis=(0, 1)), LOPSIDED_GATE),
    "one_lopsided_channel": (lambda x: x + np.float32([0, 0, 3000, 0, 0, 0]), LOPSIDED_GATE),
    "1e25": (lambda x: x * np.float32(1e25), GATE),
    "1e-25": (lambda x: x * np.float32(1e-25), GATE),
    "lopsided_1e25": (lambda x: (x + 10 * x.std()) * np.float32(1e25), GATE),
    "mixed_scales": (mixed_scales, GATE),
    "nearly_constant": (nearly_constant, 2 * GATE),
}


@pytest.mark.parametrize("samples", [1, 7, 64, 256, 300, 1200], ids=str)
@pytest.mark.parametrize(("change", "gate"), CASES.values(), ids=CASES)
def test_scatter_is_that_of_float64(change: Callable[[np.ndarray], np.ndarray], gate: float, samples: int) -> None:
    x = change(noise(samples=samples)).astype(np.float32)

    assert largest_error(x) <= gate


def test_images_may_differ_in_mean() -> None:
    x = noise(images=8) + np.arange(8, dtype=np.float32)[:, None, None] * 100

    assert largest_error(x) <= GATE


def test_a_border_that_differs_from_the_rest_does_not_decide_how_sums_are_made() -> None:
    x = (noise(samples=64 * 64, images=2) + np.float32(5000)).reshape(2, 64, 64, CHANNELS)
    x[:, :, 0] = noise(images=2, samples=64)

    assert largest_error(x.reshape(2, -1, CHANNELS)) <= GATE


def test_each_image_has_its_own_sums() -> None:
    x = noise(images=3, samples=20) + 7

    found = image_moments(tf.constant(x))

    origin, scale = np.split(found.treatment.numpy()[1:], 2)
    centred = (x.astype(np.float64) - origin) / scale
    np.testing.assert_allclose(found.sums, centred.sum(axis=1), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found.products, np.einsum("bsc,bsd->bcd", centred, centred), rtol=1e-5, atol=1e-3)


def test_sizes_that_the_graph_does_not_know_give_the_same() -> None:
    x = noise(images=3, samples=48)
    unknown = tf.function(image_moments, input_signature=[tf.TensorSpec([None, None, CHANNELS])])

    for found, expected in zip(unknown(x), image_moments(tf.constant(x)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_come_through(value: float) -> None:
    x = noise(images=2, samples=32)
    x[1, 5, 2] = value

    products = image_moments(tf.constant(x)).products.numpy()

    assert not np.isfinite(products[1, 2, 2])


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_every_pixel_is_a_sample(rank: int, first: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, *(3, 4, 5)[: rank - 2], 6)).astype(np.float32)
    given = np.moveaxis(x, -1, 1) if first else x

    pixels = samples_per_image(tf.constant(given), channels_first=first, spatial="pixels")
    means = samples_per_image(tf.constant(given), channels_first=first, spatial="mean")

    expected = x.reshape(2, -1, 6)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_allclose(means, expected.mean(axis=1, keepdims=True), rtol=1e-5, atol=1e-6)


def test_bfloat16_is_widened_before_it_is_summed() -> None:
    x = tf.cast(noise(images=2, samples=64), tf.bfloat16)

    samples = samples_per_image(x, channels_first=False, spatial="pixels")

    assert samples.dtype == tf.float32
    assert largest_error(samples.numpy()) <= GATE
