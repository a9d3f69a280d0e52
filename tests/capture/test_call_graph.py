from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.capture import describe_model
from nano_u.errors import ModelError
from nano_u.graph import Architecture, Node, bu_net, nano_u, summarise
from nano_u.models import architecture_of, build_model, count_parameters

RECORDS = {
    "nano_u": nano_u((16, 16, 3), (2, 3), 4),
    "skips": nano_u((16, 16, 3), (2, 3), 4, skips=True),
    "after_pointwise": nano_u((12, 8, 3), (2, 3), 4, upsample="after_pointwise", pool_sizes=[2, (3, 2)]),
    "probes": nano_u((8, 8, 3), (2,), 3, enable_probes=True),
    "bu_net": bu_net((8, 8, 3), (2, 3), 4),
}


def image(*shape: int) -> np.ndarray:
    return np.zeros((2, *shape), np.float32)


def shown(architecture: Architecture) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {node.name: (node.op, node.inputs) for node in architecture.nodes}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_functional_model_has_the_record_that_its_configuration_gives(record: Architecture) -> None:
    model = build_model(record)

    assert describe_model(model) == architecture_of(model)
    assert summarise(describe_model(model)) == summarise(record)


def test_sequential_and_nested_models_too() -> None:
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 3, activation="relu", name="conv"), layers.MaxPooling2D(name="pool")],
        name="inner",
    )
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.GlobalAveragePooling2D(name="gap")(
        layers.SeparableConv2D(3, 3, padding="same", name="sep")(inner(inputs))
    )
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="dense")(x), name="outer")

    assert describe_model(model) == architecture_of(model)
    assert describe_model(inner) == architecture_of(inner)


class Block(layers.Layer):
    """Convolution, BatchNorm and ReLU; the sum is written with a plus sign, and the block has a weight of its own."""

    def __init__(self, filters: int, name: str) -> None:
        super().__init__(name=name)
        self.conv = layers.Conv2D(filters, 3, padding="same", use_bias=False, name="conv")
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, shape: Any) -> None:
        self.conv.build(shape)
        self.norm.build(shape)
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x: Any, training: bool | None = None) -> Any:
        return x + self.gain * tf.nn.relu(self.norm(self.conv(x), training=training))


class Code(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="code")
        self.stem = layers.Conv2D(4, 1, name="stem")
        self.pool = layers.MaxPooling2D(name="pool")
        self.block = Block(4, "block")
        self.up = layers.UpSampling2D(name="up")
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any, training: bool | None = None) -> Any:
        skip = tf.nn.relu(self.stem(x))
        x = self.pool(self.block(self.pool(skip), training=training))
        return self.logits(tf.concat([self.up(self.up(x)), skip], axis=-1))


def test_a_subclassed_model_is_read_off_its_calls() -> None:
    model = Code()
    model(image(8, 8, 3))

    architecture = describe_model(model)

    assert shown(architecture) == {
        "input": ("input", ()),
        "stem": ("conv2d", ("input",)),
        "pool:input": ("relu", ("stem",)),
        "pool": ("max_pool2d", ("pool:input",)),
        "block/conv": ("conv2d", ("pool",)),
        "block/norm": ("batch_norm", ("block/conv",)),
        "block~2": ("opaque", ("block/norm",)),
        "block": ("add", ("pool", "block~2")),
        "block/weights": ("opaque", ("block",)),
        "pool#2": ("max_pool2d", ("block/weights",)),
        "up": ("upsample_nearest", ("pool#2",)),
        "up#2": ("upsample_nearest", ("up",)),
        "logits:input": ("concat", ("up#2", "pool:input")),
        "logits": ("conv2d", ("logits:input",)),
    }
    assert architecture.outputs == ("logits",)
    assert summarise(architecture).parameters == count_parameters(model)
    assert summarise(architecture).macs == 64 * 3 * 4 + 16 * 9 * 4 * 4 + 64 * 8


def test_a_model_that_has_not_run_needs_an_image() -> None:
    with pytest.raises(ModelError, match="code: the shape of its input is unknown"):
        describe_model(Code())

    assert describe_model(Code(), image(8, 8, 3)).input_shape == (8, 8, 3)
    assert describe_model(Code(), tf.TensorSpec([None, 4, 4, 2])).input_shape == (4, 4, 2)


def test_a_size_that_is_not_fixed_needs_one_too() -> None:
    inputs = keras.Input((None, None, 3), name="image")
    model = keras.Model(inputs, layers.Conv2D(2, 3, padding="same", name="conv")(inputs))

    with pytest.raises(ModelError, match="is not fixed"):
        describe_model(model)

    assert describe_model(model, image(6, 4, 3)).shapes["conv"] == (6, 4, 2)


def test_a_layer_that_runs_twice_has_its_parameters_once() -> None:
    shared = layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input((4, 4, 3), name="image")
    model = keras.Model(inputs, shared(shared(inputs)), name="twice")

    architecture = describe_model(model)

    assert shown(architecture) == {
        "image": ("input", ()),
        "shared": ("conv2d", ("image",)),
        "shared#2": ("conv2d", ("shared",)),
    }
    assert summarise(architecture).parameters == count_parameters(model) == 12
    assert summarise(architecture).macs == 2 * 16 * 9


def test_layers_without_a_word_keep_their_shape_and_parameters() -> None:
    class Scale(layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")

        def call(self, x: Any) -> Any:
            return x * self.scale

    inputs = keras.Input((6, 3), name="signal")
    x = layers.GRU(4, return_sequences=True, name="gru")(layers.Conv1D(3, 3, padding="same", name="conv")(inputs))
    model = keras.Model(
        inputs, layers.Dense(2, name="dense")(Scale(name="scale")(layers.LayerNormalization(name="norm")(x)))
    )

    architecture = describe_model(model)

    parameters = {node.name: (node.op, node.parameters, node.shape) for node in architecture.nodes[1:]}
    assert parameters == {
        "conv": ("opaque", 30, (6, 3)),
        "gru": ("opaque", 108, (6, 4)),
        "norm": ("opaque", 8, (6, 4)),
        "scale": ("opaque", 4, (6, 4)),
        "dense": ("dense", None, None),
    }
    assert summarise(architecture).parameters == count_parameters(model)


def test_operations_without_a_word_read_the_nearest_known_tensors() -> None:
    inputs = keras.Input((4, 4, 2), name="image")
    one, other = layers.Conv2D(2, 1, name="one")(inputs), layers.Conv2D(2, 1, name="other")(inputs)
    model = keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(keras.ops.tanh(one * other) + 1))

    node = describe_model(model).by_name["logits:input"]

    assert (node.op, set(node.inputs), node.shape, node.parameters) == ("opaque", {"one", "other"}, (4, 4, 2), 0)


def test_describing_changes_nothing() -> None:
    model = build_model(RECORDS["nano_u"])
    before = [variable.numpy() for variable in model.variables]

    describe_model(model)

    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


def test_several_outputs_are_all_named() -> None:
    inputs = keras.Input((4, 4, 3), name="image")
    hidden = layers.Conv2D(2, 1, name="hidden")(inputs)
    model = keras.Model(inputs, [hidden, layers.Conv2D(1, 1, name="logits")(hidden)])

    architecture = describe_model(model)

    assert architecture.outputs == ("hidden", "logits")
    assert all(isinstance(node, Node) for node in architecture.nodes)
