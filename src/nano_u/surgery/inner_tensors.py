"""Tensors inside a functional model."""

from __future__ import annotations

from typing import Any

import keras


def input_tensor(model: keras.Model, name: str) -> Any:
    """What the layer `name` reads in the functional `model`; elsewhere it may have been called on something else."""
    nodes = (node for depth in model._nodes_by_depth.values() for node in depth)
    return next(node.input_tensors[0] for node in nodes if node.operation.name == name)
