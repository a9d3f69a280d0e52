from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.capture.captured import Captured, captured_tensors
from nano_u.capture.model_inputs import run
from nano_u.capture.recorder import CallRecorder
from nano_u.capture.selection import select_layers

SIZE = (8, 8, 3)


def captured(
    model: keras.Model, selectors: Any = None, *, training: bool = False, as_graph: bool = True
) -> dict[str, Captured]:
    """What a pass over zeros shows, by name; in a graph as in `fit`, or eagerly."""
    x = keras.tree.map_structure(lambda tensor: tf.zeros([2, *tensor.shape[1:]], tensor.dtype), model.input)
    selection = select_layers(model, selectors)
    found: list[tuple[Captured, ...]] = []

    def forward(x: Any) -> tf.Tensor:
        with CallRecorder(model, selection.entries).recording() as record:
            run(model, x, training=training)
        found.append(captured_tensors(selection, record))
        return tf.constant(0)

    (tf.function(forward, autograph=False) if as_graph else forward)(x)
    return {one.name: one for one in found[0]}


def linear(found: dict[str, Captured]) -> dict[str, bool]:
    return {name: one.linear_input for name, one in found.items()}


def network(body: Callable[[Any], Any], shape: tuple[int, ...] = SIZE) -> keras.Model:
    inputs = keras.Input(shape, name="image")
    return keras.Model(inputs, body(inputs), name="net")


def conv(filters: int, kernel: int, name: str, **options: Any) -> layers.Layer:
    return layers.Conv2D(filters, kernel, padding="same", name=name, **options)


def separable(x: Any) -> Any:
    x = layers.ReLU(name="relu0")(conv(4, 1, "pointwise0")(x))
    x = layers.ReLU(name="relu1")(layers.DepthwiseConv2D(3, padding="same", name="depthwise1")(x))
    return layers.ReLU(name="relu2")(conv(4, 1, "pointwise1")(x))


def test_what_a_1x1_reads_is_a_linear_input_and_what_a_depthwise_reads_names_it() -> None:
    found = captured(network(lambda x: conv(1, 1, "logits")(separable(x))))

    assert linear(found) == {"relu0": False, "relu1": True, "relu2": True}
    assert {name: one.reads for name, one in found.items()} == {"relu0": "relu1", "relu1": None, "relu2": None}


def test_a_skip_is_no_linear_input_though_a_1x1_reads_what_is_pooled_from_it() -> None:
    def body(x: Any) -> Any:
        skip = layers.ReLU(name="skip")(conv(4, 3, "conv0")(x))
        x = layers.MaxPooling2D(name="pool")(skip)
        x = layers.ReLU(name="low")(conv(4, 1, "conv1")(x))
        x = layers.Concatenate(name="join")([layers.UpSampling2D(name="up")(x), skip])
        return conv(1, 1, "logits")(x)

    found = captured(network(body))

    assert linear(found) == {"skip": False, "pool": True, "low": False, "join": True}
    assert found["skip"].reads == "pool"
    assert found["low"].reads is None  # in the concatenation its channels have other numbers


def test_identity_and_inactive_dropout_are_seen_through() -> None:
    def body(x: Any) -> Any:
        x = layers.Dropout(0.5, name="drop")(layers.ReLU(name="relu")(conv(4, 3, "conv")(x)))
        return conv(1, 1, "logits")(layers.Identity(name="probe")(x))

    model = network(body)

    assert linear(captured(model)) == {"relu": True}
    assert linear(captured(model, training=True)) == {"relu": False, "drop": True}
    assert captured(model, training=True)["relu"].reads == "drop"
    assert linear(captured(model, ["probe"])) == {"probe": True}


class Residual(layers.Layer):
    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.conv = conv(4, 1, "conv", activation="relu")

    def call(self, x: Any) -> Any:
        return x + self.conv(x)


def test_a_plus_sign_between_layers_reads_too() -> None:
    found = captured(
        network(lambda x: conv(1, 1, "logits")(Residual("block")(conv(4, 3, "stem", activation="relu")(x))))
    )

    assert linear(found) == {"stem": False, "block/conv": False, "block": True}


def test_an_operation_of_the_model_reads_too() -> None:
    found = captured(network(lambda x: conv(1, 1, "logits")(2 * conv(4, 3, "stem", activation="relu")(x))))

    assert linear(found) == {"stem": False, "logits:input": True}


def test_what_only_asks_for_a_shape_or_adds_a_loss_does_not_read() -> None:
    class Penalty(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(tf.reduce_mean(x))
            return tf.reshape(x, tf.shape(x))

    found = captured(
        network(lambda x: conv(1, 1, "logits")(conv(4, 3, "stem", activation="relu", activity_regularizer="l2")(x)))
    )
    assert linear(found) == {"stem": True}

    found = captured(
        network(lambda x: conv(1, 1, "logits")(Penalty(name="own")(conv(4, 3, "stem", activation="relu")(x))))
    )
    assert linear(found) == {"stem": False, "own": True}


def test_an_output_of_the_model_is_read_by_its_caller() -> None:
    inputs = keras.Input(SIZE, name="image")
    features = conv(4, 3, "features", activation="relu")(inputs)
    model = keras.Model(inputs, {"mask": conv(1, 1, "mask")(features), "features": features})

    assert linear(captured(model, ["features"])) == {"features": False}
    assert linear(captured(model, "output")) == {"output:features": False, "output:mask": False}


def test_the_models_own_output_is_left_out_by_roles_unless_there_is_nothing_else() -> None:
    ending = network(lambda x: layers.ReLU(name="end")(conv(2, 1, "conv1")(conv(4, 3, "conv0", activation="relu")(x))))
    alone = network(lambda x: conv(4, 3, "only", activation="relu")(x))

    assert list(captured(ending)) == ["conv0"]
    assert list(captured(ending, "end")) == ["end"]
    assert list(captured(alone)) == ["only"]


def test_the_input_is_never_monitored_even_behind_a_layer_that_hands_it_on() -> None:
    found = captured(network(lambda x: conv(1, 1, "logits")(layers.Dropout(0.5, name="drop")(x))), "linear_inputs")

    assert found == {}


def test_a_shared_layer_is_numbered_and_its_outputs_too() -> None:
    shared = conv(3, 1, "shared", activation="relu")
    model = network(lambda x: conv(1, 1, "logits")(shared(shared(x))))

    assert linear(captured(model)) == {"shared": True, "shared#2": True}


def test_mixed_precision_casts_are_seen_through() -> None:
    def body(x: Any) -> Any:
        x = conv(4, 3, "half", activation="relu", dtype="mixed_float16")(x)
        return conv(1, 1, "logits", dtype="float32")(x)

    found = captured(network(body))

    assert linear(found) == {"half": True}
    assert found["half"].tensor.dtype == tf.float16


def test_tensors_without_channels_are_left_out() -> None:
    inputs = keras.Input((5,), dtype="int32")
    tokens = layers.Identity(name="tokens", dtype="int32")(inputs)
    embedded = layers.Embedding(4, 3, name="embedding")(tokens)
    model = keras.Model(inputs, layers.Dense(1, name="logits")(embedded))

    assert list(captured(model, ["tokens", "embedding"])) == ["embedding"]


@pytest.mark.parametrize("said", ["channels_first", "channels_last"])
def test_the_data_format_is_that_of_the_convolutions(said: str) -> None:
    shape = (3, 8, 8) if said == "channels_first" else SIZE

    def body(x: Any) -> Any:
        x = layers.ReLU(name="relu")(conv(4, 1, "conv", data_format=said)(x))
        return conv(1, 1, "logits", data_format=said)(x)

    assert captured(network(body, shape))["relu"].channels_first == (said == "channels_first")


def test_eager_passes_show_the_same_tensors() -> None:
    model = network(lambda x: conv(1, 1, "logits")(separable(x)))

    eager, graph = captured(model, as_graph=False), captured(model)

    assert linear(eager) == linear(graph)
    assert isinstance(eager["relu1"].tensor.numpy(), np.ndarray)
