from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from nano_u.capture.selection import Selection, select_layers
from nano_u.errors import ConfigError


def model() -> keras.Model:
    inputs = keras.Input((8, 8, 3), name="image")
    inner_inputs = keras.Input((8, 8, 4), name="inner_image")
    x = layers.Conv2D(4, 1, name="conv")(inner_inputs)
    block = keras.Model(inner_inputs, layers.ReLU(name="relu")(x), name="block")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inputs)
    x = block(layers.ReLU(name="relu1")(x))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="net")


def labels(selection: Selection) -> list[str]:
    return list(selection.outputs.values())


def consumers(selection: Selection) -> list[str]:
    return [entry.path for entry in selection.entries if id(entry.layer) in selection.inputs]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ("relu1", ["relu1"]),
        (["logits", "relu1"], ["logits", "relu1"]),
        ("relu", ["relu"]),  # the only layer of that name keeps the name that the user wrote
        ("block/relu", ["block/relu"]),
        (["relu1", "block/relu", "relu1", "relu"], ["relu1", "block/relu"]),
        ("/relu/", ["relu1", "block/relu"]),
        ("/^conv/", ["conv1"]),
        (["/relu$/", "conv1", "/conv/"], ["block/relu", "conv1", "block/conv"]),
        ("activations", ["relu1", "block/relu", "depthwise"]),
        ("convolutions", ["conv1", "block/conv", "depthwise", "logits"]),
        (["relu1", "activations"], ["relu1", "block/relu", "depthwise"]),
        (["activations", "relu"], ["relu1", "depthwise", "relu"]),  # named after all
        ("block", ["block"]),
    ],
    ids=str,
)
def test_selectors_mean(selectors: Any, expected: list[str]) -> None:
    assert labels(select_layers(model(), selectors)) == expected


def test_nothing_given_is_activations_and_linear_inputs() -> None:
    selection = select_layers(model())

    assert labels(selection) == ["relu1", "block/relu", "depthwise"]
    assert consumers(selection) == ["conv1", "block/conv", "logits"]
    assert selection.by_role == set(selection.outputs)
    assert not selection.model_output


def test_layers_may_be_given_themselves() -> None:
    net = model()

    selection = select_layers(net, [net.get_layer("block").get_layer("conv"), net.get_layer("relu1")])

    assert labels(selection) == ["block/conv", "relu1"]
    assert select_layers(net, net).model_output
    assert select_layers(net, "output").model_output


def test_what_was_named_is_not_counted_as_chosen_by_a_role() -> None:
    for selectors in (["logits", "convolutions"], ["convolutions", "logits"]):
        net = model()

        selection = select_layers(net, selectors)

        assert id(net.get_layer("logits")) not in selection.by_role
        assert id(net.get_layer("conv1")) in selection.by_role


def test_a_layers_name_wins_over_a_role() -> None:
    inputs = keras.Input((4,))
    net = keras.Model(inputs, layers.Dense(2, name="encoder")(layers.Dense(3, name="output")(inputs)))

    selection = select_layers(net, ["encoder", "output"])

    assert labels(selection) == ["encoder", "output"]
    assert not selection.model_output


def test_a_model_without_activations_and_linear_maps_is_asked_for_its_convolutions() -> None:
    inputs = keras.Input((8, 8, 3))
    net = keras.Model(inputs, layers.DepthwiseConv2D(3, name="only")(inputs))

    assert labels(select_layers(net)) == ["only"]


def test_layers_of_one_time_step_are_left_out_by_roles_and_patterns_but_may_be_named() -> None:
    inputs = keras.Input((5, 3))
    x = layers.TimeDistributed(layers.Dense(4, activation="relu", name="per_step"), name="steps")(inputs)
    net = keras.Model(inputs, layers.Dense(2, activation="relu", name="dense")(layers.GRU(3, name="gru")(x)))

    assert labels(select_layers(net)) == ["dense"]
    assert labels(select_layers(net, "/step|gru/")) == ["steps", "gru"]
    assert labels(select_layers(net, "per_step")) == ["per_step"]


@pytest.mark.parametrize(
    ("selectors", "message"),
    [
        ("relu2", "no layer 'relu2'; did you mean 'relu', 'relu1'"),
        ("activation", "did you mean 'activations'"),
        ("/relux/", "no layer '/relux/'; did you mean 'relu', 'relu1'"),
        ("zzz", "it has image, conv1, .*; roles: activations, linear_inputs"),
        ("/(/", "not a regular expression"),
        ([3], "3 is neither a name nor a Keras layer"),
        (layers.ReLU(name="stranger"), "'stranger' is not a layer of 'net'"),
        ("image", "'image' is an input of 'net'"),
        ("bottleneck", "no layers for the role 'bottleneck'"),
    ],
    ids=["name", "role", "pattern", "far", "broken", "type", "stranger", "input", "empty_role"],
)
def test_a_selector_that_matches_nothing_is_an_error(selectors: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        select_layers(model(), selectors)


def test_a_name_that_several_layers_share_is_an_error_that_lists_their_paths() -> None:
    first = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name="first")
    second = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="dense")], name="second")
    net = keras.Sequential([keras.Input((3,)), first, second])

    with pytest.raises(ConfigError, match=r"2 layers are called 'dense'; give a path .*first/dense, second/dense"):
        select_layers(net, "dense")


def test_a_model_with_nothing_to_observe_is_an_error() -> None:
    inputs = keras.Input((4, 4, 1))
    net = keras.Model(inputs, layers.Flatten(name="flat")(inputs), name="empty")

    with pytest.raises(ConfigError, match="empty: no activation, convolution or dense layer"):
        select_layers(net)
