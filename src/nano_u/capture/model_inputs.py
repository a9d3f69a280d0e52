"""What a model takes, as far as it knows, and how to run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from nano_u.errors import ConfigError


def input_specs(model: keras.Model) -> Any:
    """`tf.TensorSpec`s in the structure that the model takes, batch axis None; None where the model does not know.

    A subclassed model knows the shapes that it was built with; its inputs are then taken to be of its own float type.
    """
    symbolic = _symbolic_inputs(model)
    if symbolic is not None:
        return keras.tree.map_structure(relaxed_spec, symbolic)
    shape = (model.get_build_config() or {}).get("input_shape")
    if shape is None:
        return None
    return keras.tree.map_shape_structure(
        lambda one: tf.TensorSpec([None, *one[1:]], model.input_dtype), _without_lists(shape)
    )


def relaxed_spec(tensor: Any) -> tf.TensorSpec:
    """Shape and type of an array, tensor, `KerasTensor` or spec, for any number of images."""
    return tf.TensorSpec([None, *tensor.shape[1:]], tf.as_dtype(tensor.dtype))


def build_with(model: keras.Model, inputs: Any) -> None:
    """Make the layers and weights of a model that has seen no input yet, by running it on zeros like `inputs`.

    Also inside a graph that is being traced. Raises ConfigError for inputs without fixed sizes.
    """
    if model.built:
        return

    def zeros(tensor: Any) -> tf.Tensor:
        shape = tensor.shape[1:]
        if None in tuple(shape):
            raise ConfigError(f"{model.name}: run it once on real data first; it cannot be built for inputs of {shape}")
        return tf.zeros([1, *shape], tensor.dtype)

    with tf.init_scope():
        run(model, keras.tree.map_structure(zeros, inputs), training=False)


def run(model: keras.Model, inputs: Any, *, training: bool) -> Any:
    """The model's output, whether or not its `call` knows `training`."""
    return model(inputs, training=training) if model._call_has_training_arg else model(inputs)


@contextmanager
def losses_restored(model: keras.Model) -> Iterator[None]:
    """Keep what a traced pass adds out of `model.losses`, which outlives the graph that its tensors belong to."""
    layers = list(model._flatten_layers())
    before = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in layers]
    try:
        yield
    finally:
        for layer, losses, identities in before:
            layer._losses.clear()
            layer._losses.extend(losses)
            layer._loss_ids.clear()
            layer._loss_ids.update(identities)


def _symbolic_inputs(model: keras.Model) -> Any:
    """The Keras tensors that a functional or built sequential model was made from."""
    if isinstance(model, keras.Sequential):
        return model.inputs[0] if model.built and model.inputs else None
    return getattr(model, "_inputs_struct", None)


def _without_lists(shape: Any) -> Any:
    """Shapes as tuples: a shape that went through JSON is a list, like a list of inputs."""
    if isinstance(shape, dict):
        return {key: _without_lists(one) for key, one in shape.items()}
    if all(one is None or isinstance(one, int) for one in shape):
        return tuple(shape)
    return [_without_lists(one) for one in shape]
