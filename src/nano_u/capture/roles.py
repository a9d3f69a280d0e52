"""What a layer does to channels, told from its class: who reads them linearly, who keeps them apart."""

from __future__ import annotations

from collections.abc import Iterable

import keras
from keras import layers

_ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
_LINEAR_CONSUMERS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.Dense,
    layers.EinsumDense,
)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)  # depthwise first: their input meets no linear map
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_POOLING = (
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.MaxPooling3D,
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.AveragePooling3D,
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
)
_MIXING_ACTIVATIONS = tuple(
    function
    for name in ("softmax", "log_softmax", "glu", "sparsemax")
    if (function := getattr(keras.activations, name, None)) is not None
)
_REPEATERS = (layers.RNN, layers.TimeDistributed)
_CHANNELWISE = (
    *_ACTIVATIONS,
    *_DEPTHWISE,
    *_POOLING,
    layers.BatchNormalization,
    layers.UpSampling1D,
    layers.UpSampling2D,
    layers.UpSampling3D,
    layers.Resizing,
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.Identity,
    layers.Rescaling,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.Cropping1D,
    layers.Cropping2D,
)


def is_activation(layer: keras.layers.Layer) -> bool:
    """Whether the layer's output has just gone through a non-linear function."""
    if isinstance(layer, _ACTIVATIONS):
        return _is_nonlinear(getattr(layer, "activation", keras.activations.relu))
    own = getattr(layer, "activation", None)
    return isinstance(layer, (*_LINEAR_CONSUMERS, *_SEPARABLE, *_DEPTHWISE)) and _is_nonlinear(own)


def is_convolution(layer: keras.layers.Layer) -> bool:
    """Whether the layer is a convolution of any kind; a dense layer is not."""
    linear = isinstance(layer, _LINEAR_CONSUMERS) and not isinstance(layer, (layers.Dense, layers.EinsumDense))
    return linear or isinstance(layer, (*_SEPARABLE, *_DEPTHWISE))


def is_linear_consumer(layer: keras.layers.Layer) -> bool:
    """Whether the layer applies a linear map over all channels of its input: 1x1, full convolution or dense."""
    if not isinstance(layer, _LINEAR_CONSUMERS) or isinstance(layer, (*_SEPARABLE, *_DEPTHWISE)):
        return False
    return int(getattr(layer, "groups", 1)) == 1


def is_channelwise(layer: keras.layers.Layer) -> bool:
    """Whether channel number c of the output comes from channel number c of the input alone."""
    if getattr(layer, "activation", None) in _MIXING_ACTIVATIONS:
        return False
    own_layer = type(layer).__name__ == "UpsampleNearest"
    return own_layer or (isinstance(layer, _CHANNELWISE) and int(getattr(layer, "depth_multiplier", 1)) == 1)


def repeats_its_layers(layer: keras.layers.Layer) -> bool:
    """Whether the layers inside run once per time step, in a loop of the graph or unrolled."""
    return isinstance(layer, _REPEATERS)


def channels_first(layer: keras.layers.Layer, otherwise: bool) -> bool:
    """Whether the layer's output has its channels on axis 1; `otherwise` where the layer does not say."""
    said = getattr(layer, "data_format", None)
    if said in ("channels_first", "channels_last"):
        return bool(said == "channels_first")
    return otherwise


def agreed_channels_first(layers: Iterable[keras.layers.Layer]) -> bool:
    """What the layers that say so agree on; Keras' global setting where none does."""
    said = {getattr(layer, "data_format", None) for layer in layers} & {"channels_first", "channels_last"}
    if len(said) == 1:
        return said == {"channels_first"}
    return bool(keras.config.image_data_format() == "channels_first")


def _is_nonlinear(activation: object) -> bool:
    return activation is not None and activation is not keras.activations.linear
