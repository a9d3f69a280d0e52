"""A `.keras` file -> architecture record, from the zip's `config.json` alone: no Keras, no code of the file runs."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nano_u.errors import ModelError
from nano_u.graph.keras_layers import KerasLayer, activation_of, elementwise_shape, has_no_weights, node_of
from nano_u.graph.record import ACTIVATION_SUFFIX, Architecture, Node, Shape, checked, output_shape

MAX_CONFIG_BYTES = 32 * 1024 * 1024
_OWN_LAYERS = {"nano_u>FusedBatchNormalization": "BatchNormalization", "nano_u>UpsampleNearest": "UpsampleNearest"}
_MODELS = ("Functional", "Sequential")
_INSTEAD = "give the run directory instead"


def read_keras_file(path: Path) -> Architecture:
    """The network in a `.keras` file; raises ModelError on anything that is not one."""
    return architecture_from_config(_load_config(path), str(path))


def architecture_from_config(config: Mapping[str, Any], source: str) -> Architecture:
    """The network that a functional or sequential model's configuration describes; `source` names it in errors."""
    try:
        reader = _Reader()
        name = str(config["config"]["name"])
        outputs = reader.model(config, None, "")
        return Architecture(name, tuple(reader.nodes), tuple(dict.fromkeys(outputs)))
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise ModelError(f"{source}: not the configuration of a Keras 3 model ({type(error).__name__})") from error


def _load_config(path: Path) -> Mapping[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open("config.json") as member:
            text = member.read(MAX_CONFIG_BYTES + 1)
    except KeyError as error:
        raise ModelError(f"{path}: no config.json in it; not a model saved by Keras 3") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise ModelError(f"{path}: not a readable .keras file ({type(error).__name__}: {error})") from error
    if len(text) > MAX_CONFIG_BYTES:
        raise ModelError(f"{path}: config.json is larger than {MAX_CONFIG_BYTES:,} bytes; refused")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: config.json is not JSON ({type(error).__name__})") from error
    if not isinstance(config, dict) or _kind(config) not in _MODELS:
        kind = config.get("class_name") if isinstance(config, dict) else None
        raise ModelError(f"{path}: a model of class {str(kind)[:80]!r} has no readable graph; {_INSTEAD}")
    return config


class _Reader:
    """Collects the nodes of a model and of the models nested in it, whose names get the outer name as prefix."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}

    def model(self, config: Mapping[str, Any], sources: tuple[str, ...] | None, prefix: str) -> list[str]:
        """Adds a model's layers; `sources` are the tensors that feed a nested one. Returns its output tensors."""
        if _kind(config) == "Sequential":
            return self._sequential(config["config"], sources, prefix)
        return self._functional(config["config"], sources, prefix)

    def _sequential(self, config: Mapping[str, Any], sources: tuple[str, ...] | None, prefix: str) -> list[str]:
        layers = list(config["layers"])
        declared = config.get("build_input_shape")
        if _kind(layers[0]) != "InputLayer" and declared:
            layers.insert(0, {"module": "keras", "class_name": "InputLayer", "config": {"batch_shape": declared}})
        current = list(sources or ())
        for index, layer in enumerate(layers):
            if _kind(layer) == "InputLayer":
                current = current or self._input(layer["config"].get("name", "input"), layer, prefix)
                continue
            following = layers[index + 1].get("build_config") or {} if index + 1 < len(layers) else {}
            shape = following.get("input_shape")
            hints = {0: _without_batch(shape)} if isinstance(shape, list) else {}
            current = self._layer(layer["config"]["name"], layer, tuple(current), prefix, hints)
        return current

    def _functional(self, config: Mapping[str, Any], sources: tuple[str, ...] | None, prefix: str) -> list[str]:
        layers = {str(layer["name"]): layer for layer in config["layers"]}
        hints = _shapes_seen_by_consumers(layers)
        tensors: dict[tuple[str, int], str] = {}
        if sources is not None:
            tensors.update(zip(_references(config["input_layers"]), sources, strict=True))
        waiting = [name for name in layers if (name, 0) not in tensors]
        while waiting:
            ready = [name for name in waiting if all(ref in tensors for ref in _inbound(name, layers[name]))]
            if not ready:
                raise ModelError(f"layer {waiting[0]!r} reads something that no layer makes")
            for name in ready:
                layer = layers[name]
                if _kind(layer) == "InputLayer":
                    made = self._input(name, layer, prefix)
                else:
                    inputs = tuple(tensors[reference] for reference in _inbound(name, layer))
                    made = self._layer(name, layer, inputs, prefix, hints.get(name, {}))
                tensors.update({(name, index): tensor for index, tensor in enumerate(made)})
            waiting = [name for name in waiting if name not in ready]
        return [tensors[reference] for reference in _references(config["output_layers"])]

    def _input(self, name: str, layer: Mapping[str, Any], prefix: str) -> list[str]:
        shape = _without_batch(layer["config"]["batch_shape"])
        if not shape:
            raise ModelError(f"input {name!r} has no fixed size, so its cost is unknown")
        return [self._add(Node(prefix + name, "input", shape=shape))]

    def _layer(
        self, name: str, layer: Mapping[str, Any], inputs: tuple[str, ...], prefix: str, hints: dict[int, Shape]
    ) -> list[str]:
        kind = _kind(layer)
        if kind in _MODELS:
            return self.model(layer, inputs, f"{prefix}{name}/")
        known = KerasLayer(prefix + name, kind, layer["config"], inputs, tuple(self.shapes[name] for name in inputs))
        node = node_of(known) if inputs else None
        if node is None:
            return self._opaque(known, hints)
        tensor = self._add(node)
        activation = activation_of(known)
        if activation is None:
            return [tensor]
        shape, held = (self.shapes[tensor], 0) if activation == "opaque" else (None, None)
        return [self._add(Node(f"{tensor}{ACTIVATION_SUFFIX}", activation, (tensor,), shape=shape, parameters=held))]

    def _opaque(self, layer: KerasLayer, hints: dict[int, Shape]) -> list[str]:
        """A layer that the record has no word for: it keeps its shape in the graph, and what it computes is unknown."""
        shape = hints.get(0) or elementwise_shape(layer)
        if not shape or max(hints, default=0) > 0:
            raise ModelError(
                f"the shape that layer {layer.name!r} of class {layer.kind!r} makes is unknown; {_INSTEAD}"
            )
        held = 0 if has_no_weights(layer.kind) else None
        return [self._add(Node(layer.name, "opaque", layer.inputs, shape=shape, parameters=held))]

    def _add(self, node: Node) -> str:
        checked(node)
        if node.name in self.shapes:
            raise ModelError(f"two layers are called {node.name!r}")
        self.shapes[node.name] = output_shape(node, [self.shapes[name] for name in node.inputs])
        self.nodes.append(node)
        return node.name


def _kind(layer: Mapping[str, Any]) -> str:
    """Keras' class name for stock layers and for ours; with its package in front for anybody else's."""
    name, registered = str(layer["class_name"]), layer.get("registered_name")
    if registered in _OWN_LAYERS:
        return _OWN_LAYERS[registered]
    if str(layer.get("module")).split(".")[0] == "keras" and registered in (None, name):
        return name
    return str(registered or f"{layer.get('module')}.{name}")


def _without_batch(shape: Any) -> Shape:
    """The shape without its first axis; empty where a side is not fixed."""
    sides = tuple(shape)[1:]
    return sides if sides and all(isinstance(side, int) for side in sides) else ()


def _references(entries: Any) -> list[tuple[str, int]]:
    """`["name", 0, 0]` or a list of such, as (layer, which of its outputs)."""
    if entries and isinstance(entries[0], str):
        entries = [entries]
    return [(str(name), int(index)) for name, _, index in entries]


def _inbound(name: str, layer: Mapping[str, Any]) -> list[tuple[str, int]]:
    calls = layer["inbound_nodes"]
    if len(calls) > 1:
        raise ModelError(f"layer {name!r} is used {len(calls)} times; {_INSTEAD}")
    return [reference for reference, _ in _tensors(calls)]


def _tensors(value: Any) -> Iterator[tuple[tuple[str, int], Shape]]:
    """All tensors in the arguments of a call, with their shapes."""
    if isinstance(value, list):
        for entry in value:
            yield from _tensors(entry)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        name, _, index = value["config"]["keras_history"]
        yield (str(name), int(index)), _without_batch(value["config"]["shape"])
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _tensors(entry)


def _shapes_seen_by_consumers(layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[int, Shape]]:
    seen: dict[str, dict[int, Shape]] = {}
    for layer in layers.values():
        for (name, index), shape in _tensors(layer["inbound_nodes"]):
            seen.setdefault(name, {})[index] = shape
    return seen
