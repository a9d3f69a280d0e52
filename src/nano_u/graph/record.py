"""The architecture record: what a network computes, layer by layer, without any framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from nano_u.errors import ModelError

FORMAT = 1
"""Version of the JSON form that `Architecture.to_dict` writes."""

MAX_SIZE = 2**31 - 1
"""Largest side, width, window or parameter count that a record may hold."""

Shape = tuple[int, ...]
"""Output shape without the batch axis: `(height, width, channels)`, or `(features,)` after a dense layer."""

ACTIVATION_SUFFIX = "/activation"
"""Ends the name of the node that stands for an activation which a layer applies itself, behind the layer's name."""

Op = Literal[
    "input",
    "conv2d",
    "depthwise_conv2d",
    "separable_conv2d",
    "conv2d_transpose",
    "dense",
    "batch_norm",
    "relu",
    "relu6",
    "sigmoid",
    "max_pool2d",
    "average_pool2d",
    "global_average_pool2d",
    "upsample_nearest",
    "upsample_bilinear",
    "concat",
    "add",
    "identity",
    "opaque",
]


@dataclass(frozen=True)
class Node:
    """One layer. Names equal the Keras layers' names; fields that an operator has no use for keep their default.

    `shape` is given for `input` and `opaque` nodes only; all others are inferred. `window` is the kernel of a
    convolution, the window of a pool or the factor of an upsampling, as (height, width). `parameters` is given only
    where the other fields do not tell it: `opaque` nodes (None = unknown) and a `batch_norm` without scale or offset.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    filters: int | None = None
    window: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] = "same"
    use_bias: bool = False
    shape: Shape | None = None
    parameters: int | None = None


@dataclass(frozen=True)
class Architecture:
    """A network as an ordered list of nodes (inputs before their consumers) and the names of its outputs."""

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Output shape of every node; raises ModelError where inputs do not fit together."""
        shapes: dict[str, Shape] = {}
        for node in self.nodes:
            if node.name in shapes:
                raise ModelError(f"{self.name}: two layers are called {node.name!r}")
            missing = [name for name in node.inputs if name not in shapes]
            if missing:
                raise ModelError(f"{node.name}: reads {missing[0]!r}, which is no layer before it")
            shapes[node.name] = output_shape(node, [shapes[name] for name in node.inputs])
        lost = [name for name in self.outputs if name not in shapes]
        if lost or not self.outputs:
            raise ModelError(f"{self.name}: the outputs {list(self.outputs)} are not layers of it")
        if not any(node.op == "input" for node in self.nodes):
            raise ModelError(f"{self.name}: has no input")
        return shapes

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the nodes that read each node's output."""
        readers: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in node.inputs:
                readers[name].append(node.name)
        return {name: tuple(found) for name, found in readers.items()}

    @property
    def input_shape(self) -> Shape:
        """Shape of the first input, without the batch axis."""
        return self.shapes[next(node.name for node in self.nodes if node.op == "input")]

    def with_filters(self, filters: Mapping[str, int]) -> Architecture:
        """The same network with other widths: `filters` maps convolution or dense names to output channels."""
        unknown = sorted(set(filters) - {node.name for node in self.nodes if node.filters is not None})
        if unknown:
            raise ModelError(f"{self.name}: no layer with filters called {', '.join(unknown)}")
        nodes = tuple(
            dataclasses.replace(node, filters=filters[node.name]) if node.name in filters else node
            for node in self.nodes
        )
        return dataclasses.replace(self, nodes=nodes)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form with inferred shapes added for readers that do not infer."""
        nodes = []
        for node in self.nodes:
            fields = {key: value for key, value in dataclasses.asdict(node).items() if value is not None}
            fields["output_shape"] = self.shapes[node.name]
            nodes.append(fields)
        return {"format": FORMAT, "name": self.name, "outputs": list(self.outputs), "nodes": nodes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Architecture:
        """The inverse of `to_dict`; raises ModelError on anything that is not such a record."""
        try:
            if data["format"] != FORMAT:
                raise ModelError(f"architecture record of format {data['format']!r}; this version reads {FORMAT}")
            nodes = tuple(_node_from_dict(fields) for fields in data["nodes"])
            architecture = cls(str(data["name"]), nodes, tuple(str(name) for name in data["outputs"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"not an architecture record: {type(error).__name__} {error}") from error
        _ = architecture.shapes
        return architecture


def _node_from_dict(fields: Mapping[str, Any]) -> Node:
    plain = {key: value for key, value in fields.items() if key != "output_shape"}
    if "inputs" in plain:
        plain["inputs"] = tuple(str(name) for name in plain["inputs"])
    for key in ("window", "strides", "shape"):
        if key in plain:
            plain[key] = tuple(plain[key])
    return checked(Node(**plain))


def checked(node: Node) -> Node:
    """The node itself; raises ModelError where a value read from a file cannot be one of a layer."""
    filters = 1 if node.filters is None else node.filters
    sizes = (*node.window, *node.strides, *(node.shape or ()), filters, (node.parameters or 0) + 1)
    possible = (
        isinstance(node.name, str)
        and node.op in get_args(Op)
        and node.padding in ("same", "valid")
        and len(node.window) == len(node.strides) == 2
        and all(isinstance(size, int) and 1 <= size <= MAX_SIZE for size in sizes)
    )
    if not possible:
        raise ModelError(f"layer {str(node.name)[:80]!r} of kind {str(node.op)[:80]!r} has impossible values")
    return node


_RANK_FREE_OPS = frozenset({"batch_norm", "relu", "relu6", "sigmoid", "identity", "dense", "concat", "add"})


def output_shape(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Shape of the node's output given those of its inputs; raises ModelError where they do not fit."""
    if node.op in ("input", "opaque"):
        if node.shape is None:
            raise ModelError(f"{node.name}: a node of kind {node.op!r} needs its shape")
        return node.shape
    if not inputs or min(len(shape) for shape in inputs) < 1:
        raise ModelError(f"{node.name}: a node of kind {node.op!r} needs an input with channels")
    first = inputs[0]
    if node.op not in _RANK_FREE_OPS and len(first) != 3:
        raise ModelError(f"{node.name}: a node of kind {node.op!r} needs (height, width, channels), got {first}")
    if node.op in ("conv2d", "separable_conv2d"):
        return (*_windowed(node, first), _filters(node))
    if node.op == "depthwise_conv2d":
        return (*_windowed(node, first), first[2])
    if node.op in ("max_pool2d", "average_pool2d"):
        return (*_windowed(node, first), first[2])
    if node.op == "conv2d_transpose":
        return (first[0] * node.strides[0], first[1] * node.strides[1], _filters(node))
    if node.op in ("upsample_nearest", "upsample_bilinear"):
        return (first[0] * node.window[0], first[1] * node.window[1], first[2])
    if node.op == "dense":
        return (*first[:-1], _filters(node))
    if node.op == "global_average_pool2d":
        return (first[2],)
    if node.op == "concat":
        if len({shape[:-1] for shape in inputs}) != 1:
            raise ModelError(f"{node.name}: cannot concatenate {inputs}")
        return (*first[:-1], sum(shape[-1] for shape in inputs))
    if node.op == "add" and len(set(inputs)) != 1:
        raise ModelError(f"{node.name}: cannot add {inputs}")
    return first


def _filters(node: Node) -> int:
    if node.filters is None:
        raise ModelError(f"{node.name}: a node of kind {node.op!r} needs its number of filters")
    return node.filters


def _windowed(node: Node, shape: Shape) -> tuple[int, int]:
    """Output height and width of a sliding window, TensorFlow's rule for same and valid padding."""
    if node.padding == "same":
        return -(-shape[0] // node.strides[0]), -(-shape[1] // node.strides[1])
    if shape[0] < node.window[0] or shape[1] < node.window[1]:
        raise ModelError(f"{node.name}: a window of {node.window} does not fit into {shape}")
    return (shape[0] - node.window[0]) // node.strides[0] + 1, (shape[1] - node.window[1]) // node.strides[1] + 1
