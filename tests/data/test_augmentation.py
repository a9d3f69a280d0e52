from __future__ import annotations

import numpy as np
import tensorflow as tf

from nano_u.config import AugmentationConfig
from nano_u.data.augmentation import PARAMETERS, augment

OFF = {
    "horizontal_flip": False,
    "vertical_flip": False,
    "shift": 0.0,
    "zoom": 0.0,
    "exposure": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "colour": 0.0,
}
NEUTRAL = 0.5  # the draw that means "no change" for every symmetric parameter
RNG = np.random.default_rng(1)
IMAGES = RNG.random((3, 6, 8, 3), dtype=np.float32)
MASKS = RNG.integers(0, 2, (3, 6, 8, 1)).astype(np.float32)


def apply(draws: np.ndarray, **options: object) -> tuple[np.ndarray, np.ndarray]:
    config = AugmentationConfig(**{**OFF, **options})
    x, y = augment(tf.constant(IMAGES), tf.constant(MASKS), tf.constant(draws, tf.float32), config)
    return x.numpy(), y.numpy()


def draws(**at: float) -> np.ndarray:
    names = ["flip_x", "flip_y", "shift_x", "shift_y", "zoom", "brightness", "contrast", "red", "blue", "exposure"]
    table = np.full((3, PARAMETERS), NEUTRAL)
    for name, value in at.items():
        table[:, names.index(name)] = value
    return table


def test_everything_off_changes_nothing() -> None:
    x, y = apply(RNG.random((3, PARAMETERS)))

    np.testing.assert_allclose(x, IMAGES, atol=1e-6)
    np.testing.assert_array_equal(y, MASKS)


def test_horizontal_flip_mirrors_image_and_mask() -> None:
    x, y = apply(draws(flip_x=0.1), horizontal_flip=True)

    np.testing.assert_allclose(x, IMAGES[:, :, ::-1], atol=1e-5)
    np.testing.assert_array_equal(y, MASKS[:, :, ::-1])


def test_vertical_flip_mirrors_image_and_mask() -> None:
    x, y = apply(draws(flip_y=0.1), vertical_flip=True)

    np.testing.assert_allclose(x, IMAGES[:, ::-1], atol=1e-5)
    np.testing.assert_array_equal(y, MASKS[:, ::-1])


def test_full_shift_moves_by_that_share_of_the_width() -> None:
    x, y = apply(draws(shift_x=1.0), shift=0.25)  # 0.25 of 8 pixels, read two pixels to the right

    np.testing.assert_allclose(x[:, :, :6], IMAGES[:, :, 2:], atol=1e-5)
    np.testing.assert_array_equal(y[:, :, :6], MASKS[:, :, 2:])
    np.testing.assert_allclose(x[:, :, 6:], np.repeat(IMAGES[:, :, 7:], 2, axis=2), atol=1e-5)


def test_zoom_keeps_the_centre() -> None:
    centred = np.zeros((3, 6, 8, 1), np.float32)
    centred[:, 2:4, 3:5] = 1
    config = AugmentationConfig(**{**OFF, "zoom": 0.9})
    _, y = augment(tf.constant(IMAGES), tf.constant(centred), tf.constant(draws(zoom=1.0), tf.float32), config)

    assert y.numpy()[0, :, :, 0].sum() > 4
    np.testing.assert_array_equal(y.numpy(), y.numpy()[:, ::-1, ::-1])


def test_exposure_of_one_stop_doubles() -> None:
    x, y = apply(draws(exposure=1.0), exposure=1.0)

    np.testing.assert_allclose(x, np.clip(2 * IMAGES, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(y, MASKS)


def test_contrast_is_about_the_mean() -> None:
    x, _ = apply(draws(contrast=0.0), contrast=0.4)

    mean = IMAGES.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(x, mean + 0.6 * (IMAGES - mean), atol=1e-5)


def test_green_moves_against_red_and_blue() -> None:
    x, _ = apply(draws(red=1.0, blue=0.75), colour=0.2)

    gains = np.median((x / IMAGES).reshape(-1, 3), axis=0)
    np.testing.assert_allclose(gains, [1.2, 0.85, 1.1], atol=1e-4)


def test_soft_targets_move_with_the_mask_and_keep_their_values() -> None:
    """A flip and a shift by whole pixels need no interpolation, and no change of colour reaches the targets."""
    options = AugmentationConfig(shift=0.25, zoom=0.0, exposure=4.0, brightness=1.0, contrast=1.0, colour=1.0)
    table = tf.constant(draws(flip_x=0.1, shift_x=1.0, exposure=0.9, brightness=0.9), tf.float32)

    _, together = augment(tf.constant(IMAGES), tf.constant(MASKS), table, options, tf.constant(7.0 * MASKS - 3.0))

    assert not np.array_equal(together[..., :1], MASKS)
    np.testing.assert_allclose(together[..., 1:], 7.0 * together[..., :1] - 3.0, atol=1e-5)


def test_ignored_label_survives_the_warp() -> None:
    masks = np.where(MASKS > 0, 255.0, 0.0).astype(np.float32)
    config = AugmentationConfig()
    random = tf.constant(RNG.random((3, PARAMETERS)), tf.float32)

    _, y = augment(tf.constant(IMAGES), tf.constant(masks), random, config)

    assert set(np.unique(y.numpy())) <= {0.0, 255.0}
