"""Keras model -> architecture record."""

from __future__ import annotations

import json

import keras

from nano_u.errors import ModelError
from nano_u.graph.keras_file import architecture_from_config
from nano_u.graph.record import Architecture


def architecture_of(model: keras.Model) -> Architecture:
    """The record of a functional or sequential model, any user's; layers without a counterpart become opaque nodes.

    Raises ModelError for a subclassed model, which holds code rather than a description.
    """
    config = json.loads(model.to_json())
    if "layers" not in config["config"]:
        raise ModelError(f"{model.name}: only functional and sequential models can be described")
    return architecture_from_config(config, model.name)
