"""Tensors inside a functional model; elsewhere its layers may have been called on something else."""

from __future__ import annotations

from typing import Any

import keras

from nano_u.errors import ModelError


def input_tensor(model: keras.Model, name: str) -> Any:
    """What the layer `name` reads in the functional `model`; ModelError where it is no layer of it."""
    return _call(model, name).input_tensors[0]


def output_tensor(model: keras.Model, name: str) -> Any:
    """What the layer `name` makes in the functional `model`; ModelError where it is no layer of it."""
    return _call(model, name).output_tensors[0]


def _call(model: keras.Model, name: str) -> Any:
    nodes = (node for depth in model._nodes_by_depth.values() for node in depth)
    found = next((node for node in nodes if node.operation.name == name), None)
    if found is None:
        raise ModelError(f"{model.name}: has no layer {name!r}; ask for the groups or rewirings of this model")
    return found
