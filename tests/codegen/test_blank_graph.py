from __future__ import annotations

import keras
import numpy as np
import pytest
from tests.codegen.networks import nano_u_graph

from nano_u.codegen import plan_streaming, streaming_state_bytes
from nano_u.deploy import convert_int8, quantized_graph_of
from nano_u.errors import DeployError
from nano_u.graph import Architecture, Node
from nano_u.graph.architectures import bu_net, nano_u
from nano_u.models import architecture_of

SHAPES = (
    {"input_shape": (16, 16, 3), "filters": [4], "bottleneck": 4},
    {"input_shape": (60, 80, 3), "filters": [4, 8, 16], "bottleneck": 16, "pool_sizes": [2, 2, (3, 2)]},
    {"input_shape": (24, 32, 3), "filters": [4, 6], "bottleneck": 8, "skips": True},
)


@pytest.mark.parametrize("options", SHAPES)
def test_before_training_the_buffers_are_those_of_the_trained_network(options: dict[str, object]) -> None:
    assert streaming_state_bytes(nano_u(**options)) == plan_streaming(nano_u_graph(**options)).memory.state_bytes  # type: ignore[arg-type]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_a_resize_takes_the_rows_that_it_takes_once_it_is_converted(interpolation: str) -> None:
    layers = keras.layers
    image = keras.Input((12, 12, 3), name="image")
    pooled = layers.MaxPooling2D(3, name="pool")(image)
    larger = layers.UpSampling2D(3, interpolation=interpolation, name="larger")(pooled)
    joined = layers.Concatenate(name="joined")([larger, image])
    model = keras.Model(image, layers.Conv2D(2, 3, padding="same", name="head")(joined))
    tflite = convert_int8(model, np.random.default_rng(0).random((4, 12, 12, 3), np.float32))

    converted = plan_streaming(quantized_graph_of(tflite))

    assert streaming_state_bytes(architecture_of(model)) == converted.memory.state_bytes


def test_the_default_network_takes_an_eighth_of_what_an_interpreter_does() -> None:
    assert streaming_state_bytes(nano_u()) == 23_190
    assert streaming_state_bytes(bu_net()) > 200_000


def test_a_separable_convolution_is_its_two_halves() -> None:
    image = Node("image", "input", shape=(8, 8, 3))
    head = Node("head", "conv2d", ("mixer",), filters=1, use_bias=True)
    halves = (
        Node("mixer_depthwise", "depthwise_conv2d", ("image",), window=(3, 3), strides=(2, 2)),
        Node("mixer", "conv2d", ("mixer_depthwise",), filters=4),
    )
    separable = Node("mixer", "separable_conv2d", ("image",), filters=4, window=(3, 3), strides=(2, 2))

    one = streaming_state_bytes(Architecture("one", (image, separable, head), ("head",)))
    two = streaming_state_bytes(Architecture("two", (image, *halves, head), ("head",)))

    assert one == two


def test_what_the_c_does_not_have_is_named() -> None:
    image = Node("image", "input", shape=(8, 8, 3))
    up = Node("up", "conv2d_transpose", ("image",), filters=2, window=(2, 2), strides=(2, 2))

    with pytest.raises(DeployError, match="'up': the C has no conv2d_transpose"):
        streaming_state_bytes(Architecture("net", (image, up), ("up",)))


def test_what_the_record_does_not_tell_is_not_said_to_be_missing() -> None:
    image = Node("image", "input", shape=(8, 8, 3))
    padded = Node("pad", "opaque", ("image",), shape=(10, 10, 3), parameters=0)

    with pytest.raises(DeployError, match="layer 'pad': its record does not tell what it does"):
        streaming_state_bytes(Architecture("net", (image, padded), ("pad",)))
