"""The record of a network that is to be cut, and where the channels of each of its tensors come from."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from nano_u.capture import describe_model
from nano_u.errors import ModelError
from nano_u.graph import ACTIVATION_SUFFIX, Architecture, ChannelSource, channel_sources
from nano_u.models import architecture_of
from nano_u.models.functional import is_functional
from nano_u.quantization.fake_quantization import QuantizedConvolution

Sources = Mapping[str, tuple[ChannelSource, ...]]


def describe(model: keras.Model) -> Architecture:
    """The record of a functional or sequential model; layers that run more than once are marked as such.

    Raises ModelError for a subclassed model and for one that trains under int8 arithmetic.
    """
    if not is_functional(model):
        raise ModelError(f"{model.name}: only functional and built sequential models can be cut, not subclassed ones")
    if any(isinstance(layer, QuantizedConvolution) for layer in model._flatten_layers()):
        raise ModelError(
            f"{model.name}: is trained for int8; cut the float network (best.keras) and train it for int8 afterwards"
        )
    try:
        return architecture_of(model)
    except (ModelError, NotImplementedError):  # also of a layer used twice the configuration alone does not tell
        return describe_model(model)


def sources_by_tensor(architecture: Architecture) -> Sources:
    """Whose filters make the channels of every layer's output."""
    return {node.name: channel_sources(architecture, node.name) for node in architecture.nodes}


def nested_model(name: str) -> str | None:
    """The nested model in which a layer of the record lies; None for a layer of the model itself."""
    outer, slash, _ = name.removesuffix(ACTIVATION_SUFFIX).partition("/")
    return outer if slash else None


def is_repeat(architecture: Architecture, name: str) -> bool:
    """Whether the name stands for a second call of a layer."""
    first, _, number = name.rpartition("#")
    return number.isdigit() and first in architecture.by_name
