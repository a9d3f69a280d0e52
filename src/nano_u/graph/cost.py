"""What a network costs: parameters, multiplications, and bytes of flash and RAM as int8 on a microcontroller."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.graph.deployed import WEIGHTED_OPS, DeployedGraph, deploy, elements
from nano_u.graph.instructions import instructions
from nano_u.graph.memory_plan import live_bytes, planned_bytes
from nano_u.graph.record import Architecture, Node

# Arena beside the activations. The form was read from the allocations that TensorFlow Lite Micro records for six
# nets on a 64-bit host (within 1 %); the 8 bytes per channel (int32 multiplier and shift) hold on every machine, the
# structures were scaled to 32-bit pointers by two published Cortex-M7 arenas, 84,676 and 205,812 bytes (within 25).
_ARENA_FIXED = 500
_ARENA_PER_WEIGHTED_OP = 157
_ARENA_PER_OTHER_OP = 90
_ARENA_PER_CHANNEL = 8

# The .tflite file beside its weights, from the same six nets (within 4 %; longer tensor names make it larger).
_FILE_FIXED = 2_000
_FILE_PER_WEIGHTED_OP = 650
_FILE_PER_OTHER_OP = 150
_FILE_PER_CHANNEL = 20


@dataclass(frozen=True)
class LayerCost:
    """One operator on the device; `parameters` are those of all record layers that it stands for (`layers`).

    `activation_bytes` are all bytes that hold data while it runs: tensors still needed, its inputs and its output.
    `instructions` are an estimate (see `graph/instructions.py`).
    """

    layer: str
    op: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    weight_bytes: int
    activation_bytes: int
    instructions: int
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CostSummary:
    """A network's totals; every `..._bytes` is at int8 and batch 1.

    `peak_activation_bytes` is the liveness peak, which no plan beats; `planned_activation_bytes` is what TensorFlow
    Lite Micro's planner makes of it; `arena_estimate_bytes` adds its structures. `flash_estimate_bytes` is the
    `.tflite` file, without the interpreter's code. `instructions_estimate` is what our C executes for an image on a
    Cortex-M7, within 10 % for all 40 trained networks that were counted and 3 % for most; a fresh one takes up to a
    quarter more. Layers of unknown content are in `uncounted`: the totals lack them.
    """

    name: str
    parameters: int
    macs: int
    weight_bytes: int
    peak_activation_bytes: int
    peak_layer: str
    planned_activation_bytes: int
    arena_estimate_bytes: int
    flash_estimate_bytes: int
    instructions_estimate: int
    heaviest_layer: str
    deployed_ops: int
    uncounted: tuple[str, ...] = ()


def parameters(architecture: Architecture, node: Node) -> int:
    """Values that Keras stores for one layer: kernels, biases and all four BatchNorm vectors."""
    if node.parameters is not None:
        return node.parameters
    result = architecture.shapes[node.name]
    if node.op == "batch_norm":
        return 4 * result[-1]
    if node.op not in WEIGHTED_OPS:
        return 0
    channels = architecture.shapes[node.inputs[0]][-1]
    area = node.window[0] * node.window[1]
    bias = result[-1] if node.use_bias else 0
    if node.op == "separable_conv2d":
        return channels * (area + result[-1]) + bias
    if node.op == "depthwise_conv2d":
        return channels * area + bias
    return area * channels * result[-1] + bias


def layer_costs(architecture: Architecture) -> tuple[LayerCost, ...]:
    """One row per operator on the device, in execution order."""
    return _rows(architecture, deploy(architecture))


def summarise(architecture: Architecture) -> CostSummary:
    """The network's totals, and where its RAM peaks."""
    graph = deploy(architecture)
    rows = _rows(architecture, graph)
    peak = max(rows, key=lambda row: row.activation_bytes, default=None)
    heaviest = max(rows, key=lambda row: row.weight_bytes, default=None)
    planned = planned_bytes(graph)
    weight_bytes = sum(row.weight_bytes for row in rows)
    return CostSummary(
        name=architecture.name,
        parameters=sum(parameters(architecture, node) for node in architecture.nodes),
        macs=sum(row.macs for row in rows),
        weight_bytes=weight_bytes,
        peak_activation_bytes=peak.activation_bytes if peak else sum(map(elements, graph.input_shapes)),
        peak_layer=peak.layer if peak else graph.inputs[0],
        planned_activation_bytes=planned,
        arena_estimate_bytes=planned + arena_overhead(graph),
        flash_estimate_bytes=weight_bytes + file_overhead(graph),
        instructions_estimate=sum(row.instructions for row in rows),
        heaviest_layer=heaviest.layer if heaviest else graph.inputs[0],
        deployed_ops=len(graph.ops),
        uncounted=tuple(n.name for n in architecture.nodes if n.op == "opaque" and n.parameters is None),
    )


def arena_overhead(graph: DeployedGraph) -> int:
    """Estimated bytes of TensorFlow Lite Micro's structures beside the activations.

    500 + 157 per operator with weights + 90 per other operator + 8 per output channel of an operator with weights.
    """
    weighted, other, channels = _counts(graph)
    return (
        _ARENA_FIXED + _ARENA_PER_WEIGHTED_OP * weighted + _ARENA_PER_OTHER_OP * other + _ARENA_PER_CHANNEL * channels
    )


def file_overhead(graph: DeployedGraph) -> int:
    """Estimated bytes of a `.tflite` file beside its weights: quantisation tables, tensor and operator records.

    2,000 + 650 per operator with weights + 150 per other operator + 20 per output channel of an operator with weights.
    """
    weighted, other, channels = _counts(graph)
    return _FILE_FIXED + _FILE_PER_WEIGHTED_OP * weighted + _FILE_PER_OTHER_OP * other + _FILE_PER_CHANNEL * channels


def _counts(graph: DeployedGraph) -> tuple[int, int, int]:
    weighted = sum(op.op in WEIGHTED_OPS for op in graph.ops)
    return weighted, len(graph.ops) - weighted, sum(op.biases for op in graph.ops)


def _rows(architecture: Architecture, graph: DeployedGraph) -> tuple[LayerCost, ...]:
    return tuple(
        LayerCost(
            layer=op.name,
            op=op.op,
            output_shape=op.output_shape,
            parameters=sum(parameters(architecture, architecture.by_name[name]) for name in op.layers),
            macs=op.macs,
            weight_bytes=op.weight_bytes,
            activation_bytes=live,
            instructions=executed,
            layers=op.layers,
        )
        for op, live, executed in zip(graph.ops, live_bytes(graph), instructions(graph), strict=True)
    )
