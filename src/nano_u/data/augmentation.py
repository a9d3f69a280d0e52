"""Joint random augmentation of image and mask as one warp and one affine change of colour per image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from nano_u.config import AugmentationConfig

PARAMETERS = 10
"""Random numbers in [0, 1) per image: 2 flips, 2 shifts, zoom, brightness, contrast, 2 for colour, exposure."""


def augment(
    images: tf.Tensor,
    masks: tf.Tensor,
    draws: tf.Tensor,
    config: AugmentationConfig,
    soft_targets: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augmented float images in [0, 1] and masks, a pure function of `draws` `(batch, PARAMETERS)`.

    `soft_targets` `(batch, height, width, channels)`, a teacher's logits, move along and follow the mask's channel.

    `images` `(batch, height, width, 3)` in [0, 1]; `masks` `(batch, height, width, 1)` with labels 0, 1 or 255
    (ignored). Image and mask move together; colour changes touch the image only.
    """
    transforms = _transforms(draws, images.shape[1], images.shape[2], config)
    masks = _warp(masks, transforms, "NEAREST")
    if soft_targets is not None:
        masks = tf.concat([masks, _warp(soft_targets, transforms, "BILINEAR")], axis=-1)
    return _recolour(_warp(images, transforms, "BILINEAR"), draws, config), masks


def _warp(images: tf.Tensor, transforms: tf.Tensor, interpolation: str) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=(images.shape[1], images.shape[2]),
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="NEAREST",
    )


def _transforms(draws: tf.Tensor, height: int, width: int, config: AugmentationConfig) -> tf.Tensor:
    """Rows (a0, 0, a2, 0, b1, b2, 0, 0) that map an output pixel (x, y) to the input pixel it is read from."""
    flip_x = tf.where(draws[:, 0] < 0.5, -1.0, 1.0) if config.horizontal_flip else tf.ones_like(draws[:, 0])
    flip_y = tf.where(draws[:, 1] < 0.5, -1.0, 1.0) if config.vertical_flip else tf.ones_like(draws[:, 1])
    shift_x = _symmetric(draws[:, 2]) * config.shift * width
    shift_y = _symmetric(draws[:, 3]) * config.shift * height
    scale = 1.0 / (1.0 + _symmetric(draws[:, 4]) * config.zoom)
    centre_x, centre_y = (width - 1) / 2.0, (height - 1) / 2.0
    scale_x, scale_y = scale * flip_x, scale * flip_y
    zero = tf.zeros_like(scale)
    offset_x = centre_x - scale_x * centre_x + shift_x
    offset_y = centre_y - scale_y * centre_y + shift_y
    return tf.stack([scale_x, zero, offset_x, zero, scale_y, offset_y, zero, zero], axis=1)


def _recolour(images: tf.Tensor, draws: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Contrast about the image's mean, exposure, gains of red and blue with green against them, then brightness."""
    contrast = 1.0 + _symmetric(draws[:, 6]) * config.contrast
    exposure = tf.pow(2.0, _symmetric(draws[:, 9]) * config.exposure)
    brightness = _symmetric(draws[:, 5]) * config.brightness
    red, blue = _symmetric(draws[:, 7]) * config.colour, _symmetric(draws[:, 8]) * config.colour
    gains = exposure[:, None] * (1.0 + tf.stack([red, -(red + blue) / 2.0, blue], axis=1))
    mean = tf.reduce_mean(images, axis=(1, 2, 3))
    slope = contrast[:, None] * gains
    offset = (mean * (1.0 - contrast))[:, None] * gains + brightness[:, None]
    return tf.clip_by_value(images * slope[:, None, None, :] + offset[:, None, None, :], 0.0, 1.0)


def _symmetric(draw: tf.Tensor) -> tf.Tensor:
    return 2.0 * draw - 1.0
