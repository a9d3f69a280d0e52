"""Functional and sequential models as graphs of tensors."""

from __future__ import annotations

import keras


def is_functional(model: keras.Model) -> bool:
    """Whether the model is a graph of layers, as functional and built sequential ones are; not where it is code."""
    is_graph = isinstance(model, keras.Sequential) or hasattr(model, "operations")
    return is_graph and bool(getattr(model, "inputs", None))


def functional_copy(model: keras.Model) -> keras.Model:
    """A functional model over the same layers and tensors, not compiled."""
    if isinstance(model, keras.Sequential):  # has no `input` before it is called
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return keras.Model(model.input, model.output, name=model.name)
