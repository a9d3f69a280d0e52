"""The architecture record of any model, read off one forward pass: what `nano_u.graph` needs and code does not tell."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from nano_u.capture.captured import named_outputs, numbered_calls
from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.model_inputs import build_with, input_specs, losses_restored, run
from nano_u.capture.operation_nodes import fits, operation_node
from nano_u.capture.readers import Origins, is_readable_here, operation_of, operations_before
from nano_u.capture.recorder import Call, CallRecorder, ForwardPass
from nano_u.capture.roles import repeats_its_layers
from nano_u.errors import ModelError
from nano_u.graph.keras_layers import KerasLayer, activation_of, has_no_weights, node_of
from nano_u.graph.record import ACTIVATION_SUFFIX, Architecture, Node, Shape, output_shape

_OWN_KINDS = {"nano_u>FusedBatchNormalization": "BatchNormalization", "nano_u>UpsampleNearest": "UpsampleNearest"}


def describe_model(model: keras.Model, inputs: Any = None) -> Architecture:
    """The record of any Keras model, by tracing one inference pass of one image; nothing is computed or changed.

    `inputs` are images like those that the model takes (arrays, tensors or `tf.TensorSpec`s, in their structure). A
    functional model and one that has been built need none. Layers keep their paths as names, `#2` after a second call.

    Raises:
        ModelError: a subclassed model that nothing is known of, or a size that is not fixed.
    """
    if inputs is not None:
        build_with(model, inputs)
    specs = input_specs(model) if inputs is None else inputs
    if specs is None:
        raise ModelError(f"{model.name}: the shape of its input is unknown; run it on an image first, or give one")
    recorder = CallRecorder(model, layer_tree(model))
    found: list[Architecture] = []

    def forward(x: Any) -> tf.Tensor:
        with losses_restored(model), recorder.recording() as record:
            run(model, x, training=False)
        found.append(architecture_of_calls(model, record))
        return tf.constant(0)

    one_image = keras.tree.map_structure(_one_image, specs)
    tf.function(forward, autograph=False).get_concrete_function(one_image)
    return found[-1]


def architecture_of_calls(model: keras.Model, forward: ForwardPass) -> Architecture:
    """The record of `model` from its recorded calls in a graph, while that graph is being traced.

    A layer that the record has no word for is an `opaque` node of its output shape and parameters, and so is a block
    whose layers run inside a loop. Operations between layers become nodes where the record knows them; what else lies
    between is one opaque node without parameters that reads the nearest known tensors. Weights of a block itself are
    an opaque node `<block>/weights` at its output. A layer that runs again has no parameters the second time.

    Raises ModelError for a size that is not fixed.
    """
    graph = _CallGraph(model, forward)
    graph.add_calls()
    outputs = graph.add_outputs()
    architecture = Architecture(model.name, tuple(graph.nodes), outputs)
    _ = architecture.shapes
    return architecture


class _CallGraph:
    """Collects nodes, and the name of the node that made each tensor."""

    def __init__(self, model: keras.Model, forward: ForwardPass) -> None:
        self.nodes: list[Node] = []
        self._model = model
        self._forward = forward
        self._origins = Origins(forward)
        self._names: dict[int, str] = {}
        self._used: Counter[str] = Counter()
        self._shapes: dict[str, Shape] = {}
        self._calls = [(call, times) for call, times in numbered_calls(forward) if _is_on_its_own(call, forward)]
        self._blocks = {parent for call, _ in self._calls for parent in _parents(call.entry.path)}
        for name, tensor in zip(_input_names(model, forward), forward.inputs, strict=True):
            if id(tensor) not in self._names:
                self._names[id(tensor)] = self._add(Node(self._unique(name), "input", shape=_shape(name, tensor)))

    def add_calls(self) -> None:
        """The nodes of all layers that run once per image."""
        for call, times in self._calls:
            name = f"{call.entry.path}{times}"
            if call.entry.path in self._blocks:
                for part, tensor in named_outputs(call):
                    self._source(tensor, f"{name}{part}")
                self._add_own_weights(call, name, bool(times))
            else:
                self._add_layer(call, name, bool(times))

    def add_outputs(self) -> tuple[str, ...]:
        """Names of the nodes that make the model's outputs."""
        if self._forward.own_calls:
            self._add_own_weights(self._forward.own_calls[0], self._model.name, repeated=False)
        outputs = self._forward.outputs().items()
        names = [self._source(tensor, f"output:{key}" if key else "output") for key, tensor in outputs]
        return tuple(dict.fromkeys(names))

    def _add_layer(self, call: Call, name: str, repeated: bool) -> None:
        layer, name = call.entry.layer, self._unique(name)
        inputs = tuple(self._source(tensor, f"{name}:input") for tensor in call.inputs)
        shapes = tuple(self._shapes[source] for source in inputs)
        known = KerasLayer(name, _kind(layer), _config(layer), inputs, shapes)
        is_plain = bool(inputs) and len(call.outputs) == 1
        if is_plain and self._add_translated(known, call.outputs[0], repeated and bool(layer.weights)):
            return
        held = 0 if repeated or has_no_weights(known.kind) else int(layer.count_params())
        for part, tensor in named_outputs(call):
            shape = _shape(name, tensor)
            self._names[id(tensor)] = self._add(
                Node(f"{name}{part}", "opaque", inputs, shape=shape, parameters=0 if part not in ("", ":0") else held)
            )

    def _add_translated(self, layer: KerasLayer, output: Any, repeated: bool) -> bool:
        """A node that the record has a word for, and that of the activation in it; False where there is none."""
        node, shape = node_of(layer), _shape(layer.name, output)
        if node is None or not fits(node, layer.input_shapes, shape):
            return False
        tensor = self._add(dataclasses.replace(node, parameters=0) if repeated else node)
        activation = activation_of(layer)
        if activation is not None:
            rare, held = (shape, 0) if activation == "opaque" else (None, None)
            name = f"{tensor}{ACTIVATION_SUFFIX}"
            tensor = self._add(Node(name, activation, (tensor,), shape=rare, parameters=held))
        self._names[id(output)] = tensor
        return True

    def _add_own_weights(self, call: Call, name: str, repeated: bool) -> None:
        layer = call.entry.layer
        weights = [] if repeated else [*layer._trainable_variables, *layer._non_trainable_variables]
        if not weights or not call.outputs:
            return
        output = call.outputs[0]
        source, name = self._source(output, name), self._unique(f"{name}/weights")
        held = sum(int(variable.shape.num_elements()) for variable in weights)
        shape = _shape(name, output)
        self._names[id(output)] = self._add(Node(name, "opaque", (source,), shape=shape, parameters=held))

    def _source(self, tensor: Any, label: str) -> str:
        """The node that makes a tensor; where no layer did, nodes for the operations in between, called `label`."""
        tensor = self._origins.of(tensor)
        if id(tensor) not in self._names:
            self._names[id(tensor)] = self._add(self._node_between(tensor, self._unique(label)))
        return self._names[id(tensor)]

    def _node_between(self, tensor: Any, name: str) -> Node:
        operation, shape = operation_of(tensor), _shape(name, tensor)
        if operation is None:  # eager: nothing is known but what the model was given
            sources = [self._names[id(one)] for one in self._forward.inputs]
            return Node(name, "opaque", tuple(dict.fromkeys(sources)), shape=shape, parameters=0)
        node = operation_node(operation, name, lambda one: self._source(one, name))
        if node is not None and fits(node, [self._shapes[source] for source in node.inputs], shape):
            return node
        between = operations_before([tensor], stop=lambda one: id(one) in self._names)
        read = [self._names[id(one)] for operation in between for one in operation.inputs if id(one) in self._names]
        return Node(name, "opaque", tuple(dict.fromkeys(read)), shape=shape, parameters=0)

    def _add(self, node: Node) -> str:
        self._shapes[node.name] = output_shape(node, [self._shapes[name] for name in node.inputs])
        self.nodes.append(node)
        return node.name

    def _unique(self, name: str) -> str:
        """`name`, or `name~2` and so on where something has it already."""
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name}~{self._used[name]}"


def _is_on_its_own(call: Call, forward: ForwardPass) -> bool:
    """Whether the call is one of the whole pass: not of a raw input, a time step or the body of a loop."""
    if isinstance(call.entry.layer, keras.layers.InputLayer) or not all(map(is_readable_here, call.outputs)):
        return False
    parents = set(_parents(call.entry.path))
    return not any(one.entry.path in parents and repeats_its_layers(one.entry.layer) for one in forward.calls)


def _parents(path: str) -> list[str]:
    """Paths of the blocks around a layer."""
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def _kind(layer: keras.layers.Layer) -> str:
    """Keras' class name for stock layers and for ours; with its package in front for anybody else's."""
    if type(layer).__module__.split(".")[0] == "keras":
        return type(layer).__name__
    registered = str(keras.saving.get_registered_name(type(layer)))
    return _OWN_KINDS.get(registered, f"{type(layer).__module__}.{registered}")


def _config(layer: keras.layers.Layer) -> Mapping[str, Any]:
    """The configuration of a layer whose kind the record may know; nobody else's needs to have one."""
    is_known = type(layer).__module__.split(".")[0] in ("keras", "nano_u")
    return dict(layer.get_config()) if is_known else {}


def _input_names(model: keras.Model, forward: ForwardPass) -> list[str]:
    """Names of a functional or sequential model's inputs; `input`, or `input:0` and so on, for others."""
    symbolic = getattr(model, "inputs", None) or []
    if len(symbolic) == len(forward.inputs):
        return [str(tensor._keras_history.operation.name) for tensor in symbolic]
    count = len(forward.inputs)
    return ["input"] if count == 1 else [f"input:{index}" for index in range(count)]


def _shape(name: str, tensor: Any) -> Shape:
    """The shape without the batch axis."""
    sides = tuple(tensor.shape)[1:]
    if None in sides:
        raise ModelError(f"{name}: its size {sides} is not fixed, so its cost is unknown; give inputs of one size")
    return tuple(int(side) for side in sides)


def _one_image(tensor: Any) -> tf.TensorSpec:
    return tf.TensorSpec([1, *tensor.shape[1:]], tf.as_dtype(tensor.dtype))
