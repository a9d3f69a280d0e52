"""Moments of what layers with mixing weights read, over given images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nano_u.errors import DataError, ModelError
from nano_u.models.functional import functional_copy
from nano_u.redundancy import GroupMoments, Moments
from nano_u.redundancy.blas_threads import one_blas_thread
from nano_u.surgery.groups import channel_groups
from nano_u.surgery.inner_tensors import input_tensor

SAMPLES_AT_ONCE = 2_000_000
"""Values that are taken to float64 together."""


def measure_readers(
    model: keras.Model,
    images: npt.NDArray[np.float32],
    *,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Moments]:
    """Mean and covariance, float64, of the input channels of every layer that reads channels which can be cut.

    Every pixel of every image is a sample. `images` `(images, height, width, channels)` float32 in [0, 1], run in
    inference mode and batch by batch. Of a SeparableConv2D it is what its pointwise half reads. `progress` is told how
    many images of how many are done.

    Raises:
        DataError: no images, or of another size than the model's.
        ModelError: a model of several inputs, one that `channel_groups` refuses, or activations that are not finite.
    """
    _check_images(model, images)
    groups = [group for group in channel_groups(model) if group.fixed is None]
    names = list(dict.fromkeys(reader.layer for group in groups for reader in group.readers))
    if not names:
        return {}
    whole = functional_copy(model)
    layers = [model.get_layer(name) for name in names]
    probe = keras.Model(whole.input, [input_tensor(whole, name) for name in names])

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def run(batch: tf.Tensor) -> list[tf.Tensor]:
        return _mixed(probe(batch, training=False), layers)

    moments: dict[str, GroupMoments] = {}
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        for name, values in zip(names, run(tf.constant(batch, tf.float32)), strict=True):
            found = _moments(values.numpy())
            moments[name] = found if name not in moments else moments[name].merge(found)
        if progress is not None:
            progress(start + len(batch), len(images))
    return {name: _finite(name, found.total()) for name, found in moments.items()}


def _mixed(tensors: Any, layers: list[keras.layers.Layer]) -> list[Any]:
    """What the mixing weights read of each layer's input."""
    tensors = tensors if isinstance(tensors, list | tuple) else [tensors]
    return [_after_depthwise(x, layer) for x, layer in zip(tensors, layers, strict=True)]


def _after_depthwise(x: Any, layer: keras.layers.Layer) -> Any:
    if not isinstance(layer, keras.layers.SeparableConv2D):
        return x
    return keras.ops.depthwise_conv(
        x,
        layer.depthwise_kernel,
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
    )


@one_blas_thread()
def _moments(values: npt.NDArray[Any]) -> GroupMoments:
    samples = values.reshape(1, -1, values.shape[-1])
    rows = max(1, SAMPLES_AT_ONCE // samples.shape[2])
    parts = (samples[:, start : start + rows] for start in range(0, samples.shape[1], rows))
    moments = GroupMoments.empty(samples.shape[2], groups=1)
    for part in parts:
        moments = moments.merge(GroupMoments.from_samples(part, [0], groups=1))
    return moments


def _check_images(model: keras.Model, images: npt.NDArray[Any]) -> None:
    if len(getattr(model, "inputs", None) or ()) > 1:
        raise ModelError(f"{model.name}: takes {len(model.inputs)} inputs; only models of one can be measured")
    expected = tuple(model.inputs[0].shape[1:]) if getattr(model, "inputs", None) else images.shape[1:]
    if not len(images) or tuple(images.shape[1:]) != expected:
        raise DataError(f"{model.name}: takes images of shape {expected}, got an array of shape {images.shape}")


def _finite(name: str, moments: Moments) -> Moments:
    if not np.isfinite(moments.scatter).all():
        raise ModelError(f"{name}: reads values that are not finite, so nothing can be said about its channels")
    return moments
