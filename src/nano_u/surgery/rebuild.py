"""A model of the same layers with other widths and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from nano_u.errors import ModelError
from nano_u.models.functional import functional_copy
from nano_u.surgery.layer_weights import Weights, set_weights


def rebuilt_model(
    model: keras.Model,
    weights: Mapping[str, Weights],
    configs: Mapping[str, Mapping[str, Any]],
    *,
    call: Callable[..., Any] | None = None,
) -> keras.Model:
    """A functional model of new layers named as they were, not compiled.

    `configs` are the entries of a layer's configuration that change, `weights` those of all layers that do not keep
    theirs. `call` is called with a new layer and its inputs in place of the layer; one that it does not call goes.

    Raises ModelError for a layer that cannot be made from its configuration.
    """
    pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def clone(layer: Any) -> Any:
        try:
            twin = type(layer).from_config({**layer.get_config(), **configs.get(layer.name, {})})
        except (NotImplementedError, TypeError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(f"{layer.name}: cannot be rebuilt from its configuration: {reason}") from error
        if isinstance(layer, keras.layers.Layer):
            pairs.append((layer, twin))
        return twin

    whole = functional_copy(model)
    inputs = keras.tree.map_structure(_same_input, whole.input)
    smaller = keras.models.clone_model(whole, input_tensors=inputs, clone_function=clone, call_function=call)
    for layer, twin in pairs:
        if not twin.built and layer.built:
            continue  # was not called
        if layer.name in weights:
            set_weights(twin, weights[layer.name])
        else:
            twin.set_weights(layer.get_weights())
    return smaller


def _same_input(tensor: Any) -> Any:
    """Cloning alone would name it after the tensor, not after the layer."""
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor._keras_history.operation.name)
