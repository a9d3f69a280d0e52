from __future__ import annotations

from typing import Any

import keras
from keras import layers

from nano_u.capture.layer_tree import layer_tree


class Pair(layers.Layer):
    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.one = layers.Dense(2, name="dense")
        self.other = layers.ReLU(name="relu")


class Containers(keras.Model):
    """Layers in attributes, lists of lists and dictionaries, two of them under one name."""

    def __init__(self) -> None:
        super().__init__(name="containers")
        self.stem = layers.Dense(2, name="stem")
        self.stages = [[Pair("pair"), Pair("pair")], [layers.ReLU(name="act")]]
        self.heads = {"a": layers.Dense(1, name="head"), "b": layers.Dense(1, name="head")}
        self.again = self.stem

    def call(self, x: Any) -> Any:
        return x


def test_paths_are_names_of_the_enclosing_layers_and_sisters_of_one_name_are_numbered() -> None:
    assert [entry.path for entry in layer_tree(Containers())] == [
        "stem",
        *("pair", "pair/dense", "pair/relu"),
        *("pair~2", "pair~2/dense", "pair~2/relu"),
        "act",
        *("head", "head~2"),
    ]


def test_every_layer_is_there_once_and_the_model_itself_is_not() -> None:
    model = Containers()

    found = [entry.layer for entry in layer_tree(model)]

    assert len({id(layer) for layer in found}) == len(found)
    assert {id(layer) for layer in found} == {id(layer) for layer in model._flatten_layers(include_self=False)}


def test_nested_models_are_entered() -> None:
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name="inner")
    model = keras.Sequential([keras.Input((3,), name="input_vector"), inner, layers.ReLU(name="relu")], name="outer")

    paths = [entry.path for entry in layer_tree(model) if not isinstance(entry.layer, layers.InputLayer)]

    assert paths == ["inner", "inner/dense", "relu"]


def test_names_are_the_last_part_of_paths() -> None:
    assert [(entry.name, entry.path) for entry in layer_tree(Containers())][6] == ("relu", "pair~2/relu")
