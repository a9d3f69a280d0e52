from __future__ import annotations

import keras
import pytest
from keras import layers

from nano_u.capture.roles import (
    agreed_channels_first,
    channels_first,
    is_activation,
    is_channelwise,
    is_convolution,
    is_linear_consumer,
    repeats_its_layers,
)
from nano_u.models import UpsampleNearest

TABLE = {  # activation, convolution, linear consumer, channelwise
    "conv": (layers.Conv2D(2, 3), (False, True, True, False)),
    "conv_relu": (layers.Conv2D(2, 3, activation="relu"), (True, True, True, False)),
    "conv_linear": (layers.Conv2D(2, 3, activation="linear"), (False, True, True, False)),
    "conv_grouped": (layers.Conv2D(4, 3, groups=2), (False, True, False, False)),
    "conv_transpose": (layers.Conv2DTranspose(2, 3), (False, True, True, False)),
    "conv1d": (layers.Conv1D(2, 3), (False, True, True, False)),
    "depthwise": (layers.DepthwiseConv2D(3), (False, True, False, True)),
    "depthwise_multiplied": (layers.DepthwiseConv2D(3, depth_multiplier=2), (False, True, False, False)),
    "separable": (layers.SeparableConv2D(2, 3), (False, True, False, False)),
    "dense": (layers.Dense(2), (False, False, True, False)),
    "dense_tanh": (layers.Dense(2, activation="tanh"), (True, False, True, False)),
    "einsum": (layers.EinsumDense("abc,cd->abd", (None, 2)), (False, False, True, False)),
    "relu": (layers.ReLU(), (True, False, False, True)),
    "leaky": (layers.LeakyReLU(), (True, False, False, True)),
    "prelu": (layers.PReLU(), (True, False, False, True)),
    "swish": (layers.Activation("swish"), (True, False, False, True)),
    "linear": (layers.Activation("linear"), (False, False, False, True)),
    "softmax": (layers.Activation("softmax"), (True, False, False, False)),
    "batch_norm": (layers.BatchNormalization(), (False, False, False, True)),
    "layer_norm": (layers.LayerNormalization(), (False, False, False, False)),
    "pool": (layers.MaxPooling2D(), (False, False, False, True)),
    "upsample": (layers.UpSampling2D(), (False, False, False, True)),
    "upsample_ours": (UpsampleNearest(), (False, False, False, True)),
    "dropout": (layers.Dropout(0.1), (False, False, False, True)),
    "concat": (layers.Concatenate(), (False, False, False, False)),
    "flatten": (layers.Flatten(), (False, False, False, False)),
}


@pytest.mark.parametrize(("layer", "roles"), TABLE.values(), ids=TABLE)
def test_a_layer_has_these_roles(layer: layers.Layer, roles: tuple[bool, ...]) -> None:
    assert (is_activation(layer), is_convolution(layer), is_linear_consumer(layer), is_channelwise(layer)) == roles


def test_subclasses_have_the_roles_of_their_class() -> None:
    class MyConvolution(layers.Conv2D):
        pass

    assert is_linear_consumer(MyConvolution(2, 3))


def test_recurrent_and_time_distributed_layers_repeat_theirs() -> None:
    assert [repeats_its_layers(layer) for layer in (layers.GRU(2), layers.TimeDistributed(layers.Dense(2)))] == [
        True
    ] * 2
    assert not repeats_its_layers(layers.Dense(2))


def test_a_layer_that_names_its_data_format_decides() -> None:
    first = layers.Conv2D(2, 1, data_format="channels_first")

    assert channels_first(first, otherwise=False)
    assert not channels_first(layers.Conv2D(2, 1, data_format="channels_last"), otherwise=True)
    assert channels_first(layers.BatchNormalization(axis=1), otherwise=True)
    assert agreed_channels_first([layers.ReLU(), first])
    assert not agreed_channels_first([first, layers.Conv2D(2, 1, data_format="channels_last")])


def test_keras_own_setting_decides_where_no_layer_does() -> None:
    keras.config.set_image_data_format("channels_first")
    try:
        assert agreed_channels_first([layers.ReLU()])
    finally:
        keras.config.set_image_data_format("channels_last")
