"""The operators that run on the device: the record after the folding that int8 conversion does.

Checked against the TensorFlow Lite converter: BatchNorm folds into the convolution or dense layer that it alone reads
(elsewhere it stays as a multiplication and an addition), ReLU and ReLU6 become the fused activation of convolutions,
dense layers, pools and additions, identities disappear, and every convolution gets a bias.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from nano_u.graph.record import Architecture, Node, Op, Shape

WEIGHTED_OPS: frozenset[Op] = frozenset({"conv2d", "depthwise_conv2d", "separable_conv2d", "conv2d_transpose", "dense"})
_TAKES_ACTIVATION: frozenset[Op] = WEIGHTED_OPS | {"max_pool2d", "average_pool2d", "add", "batch_norm"}


@dataclass(frozen=True)
class DeployedOp:
    """One operator on the device.

    `name` names the operator and the tensor that it writes, and is the record's layer name. `layers` are all record
    layers that it stands for. `window`, `strides` and `padding` are a layer's, or those of the half of one. `weights`
    are stored as int8, `biases` as int32.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    output_shape: Shape
    layers: tuple[str, ...]
    window: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] = "same"
    macs: int = 0
    weights: int = 0
    biases: int = 0

    @property
    def weight_bytes(self) -> int:
        """Bytes of int8 weights and int32 biases."""
        return self.weights + 4 * self.biases


@dataclass(frozen=True)
class DeployedGraph:
    """Operators in execution order, with the tensors that exist before the first and after the last."""

    ops: tuple[DeployedOp, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]

    @cached_property
    def tensor_bytes(self) -> dict[str, int]:
        """Size of every activation tensor at int8, batch 1."""
        shapes = dict(zip(self.inputs, self.input_shapes, strict=True))
        shapes.update({op.name: op.output_shape for op in self.ops})
        return {name: elements(shape) for name, shape in shapes.items()}

    @cached_property
    def lifetimes(self) -> dict[str, tuple[int, int]]:
        """First and last operator index during which each tensor holds data.

        Inputs are written before operator 0, outputs are read after the last one.
        """
        last = len(self.ops) - 1
        spans = dict.fromkeys(self.inputs, (0, 0))
        for index, op in enumerate(self.ops):
            for name in op.inputs:
                spans[name] = (spans[name][0], index)
            spans[op.name] = (index, index)
        return {name: (first, last if name in self.outputs else end) for name, (first, end) in spans.items()}


def elements(shape: Shape) -> int:
    """Number of values in a tensor of this shape."""
    count = 1
    for size in shape:
        count *= size
    return count


@dataclass
class _Draft:
    """A deployed operator while layers are still being folded into it."""

    node: Node
    inputs: tuple[str, ...]
    layers: list[str] = field(default_factory=list)
    has_activation: bool = False


def deploy(architecture: Architecture) -> DeployedGraph:
    """The operators that a microcontroller runs for `architecture`; layers that no output needs are left out."""
    needed = _needed(architecture)
    readers = dict.fromkeys(needed, 0)
    for name in (*architecture.outputs, *(name for node in needed.values() for name in node.inputs)):
        readers[name] += 1

    tensor_of: dict[str, str] = {}
    drafts: dict[str, _Draft] = {}
    for node in needed.values():
        sources = tuple(tensor_of[name] for name in node.inputs)
        into = drafts.get(sources[0]) if len(sources) == 1 else None
        alone = into is not None and into.layers[-1] == node.inputs[0] and readers[node.inputs[0]] == 1
        if node.op == "input":
            tensor_of[node.name] = node.name
        elif node.op == "identity":
            tensor_of[node.name] = sources[0]
            if into is not None and alone:
                into.layers.append(node.name)
        elif into is not None and alone and _folds(node, into):
            tensor_of[node.name] = sources[0]
            into.layers.append(node.name)
            into.has_activation = node.op != "batch_norm"
        else:
            tensor_of[node.name] = node.name
            drafts[node.name] = _Draft(node, sources, [node.name])

    sources = tuple(name for name, node in needed.items() if node.op == "input")
    return DeployedGraph(
        ops=tuple(op for draft in drafts.values() for op in _operators(architecture, draft)),
        inputs=sources,
        outputs=tuple(dict.fromkeys(tensor_of[name] for name in architecture.outputs)),
        input_shapes=tuple(architecture.shapes[name] for name in sources),
    )


def _needed(architecture: Architecture) -> dict[str, Node]:
    """Inputs and all layers that an output depends on, in the record's order."""
    _ = architecture.shapes  # refuses a record whose layers are out of order
    wanted = set(architecture.outputs)
    for node in reversed(architecture.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return {node.name: node for node in architecture.nodes if node.name in wanted or node.op == "input"}


def _folds(node: Node, into: _Draft) -> bool:
    if into.has_activation:
        return False
    if node.op == "batch_norm":
        return into.node.op in WEIGHTED_OPS
    return node.op in ("relu", "relu6") and into.node.op in _TAKES_ACTIVATION


def _operators(architecture: Architecture, draft: _Draft) -> list[DeployedOp]:
    """One operator, or two for a separable convolution and for a BatchNorm that nothing absorbs."""
    node = draft.node
    source = architecture.shapes[node.inputs[0]] if node.inputs else ()
    result, layers = architecture.shapes[node.name], tuple(draft.layers)
    whole = DeployedOp(node.name, node.op, draft.inputs, result, layers, node.window, node.strides, node.padding)
    if node.op == "separable_conv2d":
        middle = (*result[:2], source[2])
        first = replace(whole, name=f"{node.name}/depthwise", op="depthwise_conv2d", output_shape=middle, layers=())
        second = replace(whole, op="conv2d", inputs=(first.name,), window=(1, 1), strides=(1, 1))
        return [_weighted(first, source), _weighted(second, middle)]
    if node.op == "batch_norm":
        scaled = replace(whole, name=f"{node.name}/scale", layers=(), weights=result[-1])
        return [scaled, replace(whole, inputs=(scaled.name,), weights=result[-1])]
    return [_weighted(whole, source) if node.op in WEIGHTED_OPS else replace(whole, weights=node.parameters or 0)]


def _weighted(op: DeployedOp, source: Shape) -> DeployedOp:
    """With the weights of a convolution or dense operator over `source`.

    A transposed one multiplies once per input position, the others per output.
    """
    filters = op.output_shape[-1]
    per_channel = 1 if op.op == "depthwise_conv2d" else source[-1]
    weights = op.window[0] * op.window[1] * per_channel * filters
    positions = elements(source[:-1] if op.op == "conv2d_transpose" else op.output_shape[:-1])
    return replace(op, macs=positions * weights, weights=weights, biases=filters)
