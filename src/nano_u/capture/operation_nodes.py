"""TensorFlow operations written between layers -> nodes of the architecture record, where it has a word for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from nano_u.errors import ModelError
from nano_u.graph.record import Node, Op, Shape, output_shape

_PLAIN: dict[str, Op] = {"Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid"}
_ADDITIONS = frozenset({"Add", "AddV2", "AddN"})


def operation_node(operation: Any, name: str, source: Callable[[Any], str]) -> Node | None:
    """The node for one operation; None where the record has no word for it.

    `source` gives the name of the node that makes an operand, and is asked only once the operation is known to fit.
    """
    operands = list(operation.inputs)
    if operation.type in _PLAIN:
        return Node(name, _PLAIN[operation.type], (source(operands[0]),))
    if operation.type in _ADDITIONS and _is_plain_sum(operands, operation.outputs[0]):
        return Node(name, "add", tuple(map(source, operands)))
    if operation.type == "ConcatV2":
        axis = tf.get_static_value(operands[-1])
        if axis is not None and int(axis) in (-1, operation.outputs[0].shape.rank - 1):
            return Node(name, "concat", tuple(map(source, operands[:-1])))
    return None


def fits(node: Node, inputs: Sequence[Shape], shape: Shape) -> bool:
    """Whether the record infers the shape that the forward pass had."""
    try:
        return output_shape(node, inputs) == shape
    except ModelError:
        return False


def _is_plain_sum(operands: Sequence[Any], output: Any) -> bool:
    """Whether activations of one shape are added, rather than a constant or a weight."""
    shape = output.shape.as_list()
    return all(one.shape.as_list() == shape and _is_activation(one) for one in operands)


def _is_activation(tensor: Any) -> bool:
    return tensor.op.type not in ("Const", "ReadVariableOp", "Placeholder")
