from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from tests.monitoring.tiny import network

from nano_u.graph import Node
from nano_u.models import architecture_of
from nano_u.monitoring.description import described


class Coded(keras.Model):
    """A Dense layer of 3 x 4 weights, as code."""

    def __init__(self) -> None:
        super().__init__(name="coded")
        self.hidden = layers.Dense(4, use_bias=False, name="hidden")

    def call(self, x: Any) -> Any:
        return self.hidden(x)


class Refuses(layers.Dense):
    """Will not say how it was made."""

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("no configuration")


def nodes(model: keras.Model) -> tuple[Node, ...]:
    architecture = described(model)
    assert architecture is not None
    return architecture.nodes


def test_a_functional_model_is_its_configurations_record() -> None:
    model = network()

    assert described(model) == architecture_of(model)


def test_what_is_code_or_will_not_describe_itself_is_read_off_a_pass() -> None:
    coded = Coded()
    coded(np.zeros((1, 3), np.float32))
    inputs = keras.Input((3,))
    refusing = keras.Model(inputs, Refuses(5, use_bias=False, name="refuses")(inputs))

    assert [(node.name, node.op, node.filters) for node in nodes(coded)][1:] == [("hidden", "dense", 4)]
    assert [(node.name, node.shape, node.parameters) for node in nodes(refusing)][1:] == [("refuses", (5,), 15)]


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_a_model_of_open_sizes_has_no_record_and_the_reason_is_told(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = keras.Input((None, None, 3), name="image")
    model = keras.Model(inputs, layers.Conv2D(2, 1)(inputs))
    caplog.set_level(logging.INFO)

    assert described(model, level=level) is None

    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage().startswith("no graph.json: image: its size (None, None, 3) is not fixed")
