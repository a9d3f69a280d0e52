"""The parts of an encoder-decoder network as names of layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import keras

from nano_u.capture.call_graph import describe_model
from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.model_inputs import build_with
from nano_u.capture.roles import is_activation, is_convolution
from nano_u.capture.stages import stage_of_layers, stages_by_size
from nano_u.errors import ModelError
from nano_u.graph.record import ACTIVATION_SUFFIX, Architecture

_CALL_OR_PART = re.compile(rf"(#\d+)?(:\d+)?({ACTIVATION_SUFFIX})?$")  # what the record adds to a layer's path


IMAGE_RANK = 3  # (height, width, channels)


class UNetLayerSelector:
    """Encoder, bottleneck, decoder, skip and convolution layers of a model, in network order; each a tuple of paths.

    Every tuple can be given as selectors to `ActivationExtractor` or as `layers` to the monitor. Encoder, bottleneck
    and decoder hold activation layers (convolutions where a part has none): what the roles of these names select.
    Names tell the parts apart (`encoder1_...`, `down/...`, `bridge`, `dec2`, `up1`); where they do not, the resolution
    does: the lowest is the bottleneck. Where nothing tells, the tuples are empty.

    `skip` holds the layers whose output bypasses the bottleneck: it meets, in a concatenation, a sum or any other
    operation behind the bottleneck, a tensor that went through it.

    Args:
        model: any Keras model.
        inputs: images like those that it takes; without them, little is known of a subclassed model that has not run
            yet and of one whose input size is not fixed.
    """

    def __init__(self, model: keras.Model, inputs: Any = None) -> None:
        self._model = model
        self._inputs = inputs
        if inputs is not None:
            build_with(model, inputs)
        self._entries = layer_tree(model)

    @cached_property
    def encoder(self) -> tuple[str, ...]:
        """Layers before the bottleneck."""
        return self._stage("encoder")

    @cached_property
    def bottleneck(self) -> tuple[str, ...]:
        """Layers at the lowest resolution."""
        return self._stage("bottleneck")

    @cached_property
    def decoder(self) -> tuple[str, ...]:
        """Layers behind the bottleneck."""
        return self._stage("decoder")

    @cached_property
    def skip(self) -> tuple[str, ...]:
        """Layers whose output reaches the decoder past the bottleneck.

        Raises ModelError where the model cannot be traced for want of an input or its size.
        """
        if not {"bottleneck", "decoder"} & set(self._stages.values()):
            return ()
        architecture = self._architecture
        stages = {node.name: self._stages.get(_path(node.name)) for node in architecture.nodes}
        paths = {entry.path for entry in self._entries if not isinstance(entry.layer, keras.layers.InputLayer)}
        waiting, found = _bypassing(architecture, stages), set()
        while waiting:  # an operation between layers stands for the layers that it reads
            name = waiting.pop()
            if _path(name) in paths:
                found.add(_path(name))
            else:
                waiting.extend(architecture.by_name[name].inputs)
        return tuple(entry.path for entry in self._entries if entry.path in found)

    @cached_property
    def convolutions(self) -> tuple[str, ...]:
        """All convolutions, of any kind."""
        return tuple(entry.path for entry in self._entries if is_convolution(entry.layer))

    @cached_property
    def _architecture(self) -> Architecture:
        return describe_model(self._model, self._inputs)

    @cached_property
    def _stages(self) -> dict[str, str]:
        """Path -> stage, from names or the model's own shapes, else from those of a traced pass."""
        known = stage_of_layers(self._model, self._entries)
        if known:
            return known
        try:
            shapes = self._architecture.shapes
        except ModelError:  # nothing is known of its input
            return {}
        return stages_by_size(
            {_path(name): shape[0] * shape[1] for name, shape in shapes.items() if len(shape) == IMAGE_RANK}
        )

    def _stage(self, stage: str) -> tuple[str, ...]:
        inside = [entry for entry in self._entries if self._stages.get(entry.path) == stage]
        found = [entry for entry in inside if is_activation(entry.layer)]
        found = found or [entry for entry in inside if is_convolution(entry.layer)]
        return tuple(entry.path for entry in found)


def _bypassing(architecture: Architecture, stages: Mapping[str, str | None]) -> list[str]:
    """Nodes not behind the bottleneck that are read together with one behind it, outside of the bottleneck itself."""
    start = "bottleneck" if "bottleneck" in stages.values() else "decoder"
    behind: set[str] = set()
    found: dict[str, None] = {}
    for node in architecture.nodes:
        meets = behind.intersection(node.inputs)
        if meets and stages[node.name] != "bottleneck":
            found.update(dict.fromkeys(name for name in node.inputs if name not in behind))
        if meets or stages[node.name] == start:
            behind.add(node.name)
    return list(found)


def _path(name: str) -> str:
    """The path of the layer that a node stands for."""
    return _CALL_OR_PART.sub("", name)
