"""Who reads a tensor: layers, told from their calls, and operations written between them, told from the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from nano_u.capture.recorder import Call, ForwardPass

_SAME_CHANNELS = frozenset({"Cast", "CheckNumerics", "EnsureShape", "Identity", "PreventGradient", "StopGradient"})
"""TensorFlow operations that hand their input on: mixed precision casts between layers, for one."""

_VALUE_FREE = frozenset({"Rank", "Shape", "ShapeN", "Size", "ZerosLike", "OnesLike"})
"""Operations that look at a tensor's shape only."""


def leaf_calls(forward: ForwardPass) -> list[Call]:
    """Calls of layers without layers inside: the layers inside a block read what it reads, and they decide.

    A layer that returns its input as it is (Identity, Dropout in inference) reads nothing.
    """
    return [
        call
        for call in forward.calls
        if not call.entry.layer._layers and not _identities(call.inputs) & _identities(call.outputs)
    ]


class Origins:
    """Follows a tensor back through operations that only hand it on, to the one that a layer made or was given."""

    def __init__(self, forward: ForwardPass) -> None:
        made = (tensor for call in forward.calls for tensor in call.outputs)
        self._known = _identities([*forward.inputs, *made])

    def is_known(self, tensor: Any) -> bool:
        """Whether a layer returned this very tensor, or the model was given it."""
        return id(tensor) in self._known

    def of(self, tensor: Any) -> Any:
        """The tensor itself where no such operation made it, or where it is an eager one."""
        while not self.is_known(tensor):
            operation = operation_of(tensor)
            if operation is None or operation.type not in _SAME_CHANNELS:
                break
            tensor = operation.inputs[0]
        return tensor


class Readers:
    """The readers of each tensor of one forward pass.

    In a graph every operation on the way to the model's outputs is accounted for, so that a plain `x + block(x)` in a
    model's code counts as a reader of `x`. Eager tensors keep no operations: there, only layers are seen.
    """

    def __init__(self, forward: ForwardPass) -> None:
        self._origins = Origins(forward)
        self._outputs = _identities(forward.outputs().values())
        self._calls = leaf_calls(forward)
        self._by_tensor: dict[int, list[Call]] = defaultdict(list)
        for call in self._calls:
            for key in _identities(map(self._origins.of, call.inputs)):
                self._by_tensor[key].append(call)
        self._inside = {operation for call in self._calls for operation in self._operations_inside(call)}
        ends = list(forward.outputs().values()) or [tensor for call in self._calls for tensor in call.outputs]
        given = _identities(forward.inputs)
        self._used = set(operations_before(ends, stop=lambda tensor: id(tensor) in given))

    def calls(self, tensor: Any) -> list[Call]:
        """Calls of layers that were given the tensor."""
        return self._by_tensor[id(tensor)]

    def has_others(self, tensor: Any) -> bool:
        """Whether something that is no layer reads it too: an operation in the model's code, or the model's caller."""
        if id(tensor) in self._outputs:
            return True
        return any(self._is_foreign(operation) for operation in _consumers(tensor) if operation in self._used)

    def _operations_inside(self, call: Call) -> Iterator[Any]:
        given = _identities(call.inputs)
        known = self._origins.is_known
        return operations_before(call.outputs, stop=lambda tensor: id(tensor) in given or known(tensor))

    def _is_foreign(self, operation: Any) -> bool:
        if operation in self._inside or operation.type in _VALUE_FREE:
            return False
        if operation.type in _SAME_CHANNELS and not self._origins.is_known(operation.outputs[0]):
            return self.has_others(operation.outputs[0])
        return True


def operation_of(tensor: Any) -> Any:
    """The TensorFlow operation that makes a graph tensor; None for an eager one."""
    return getattr(tensor, "op", None)


def is_readable_here(tensor: Any) -> bool:
    """Whether the tensor can be read here: made eagerly, or in the graph that is being traced rather than a loop's."""
    return not hasattr(tensor, "graph") or tensor.graph is tf.compat.v1.get_default_graph()


def operations_before(tensors: Iterable[Any], *, stop: Callable[[Any], bool]) -> Iterator[Any]:
    """Operations that `tensors` depend on, each once, without those behind tensors at which to stop."""
    waiting = list(tensors)
    seen: set[Any] = set()
    while waiting:
        operation = operation_of(waiting.pop())
        if operation is None or operation in seen:
            continue
        seen.add(operation)
        yield operation
        waiting.extend(tensor for tensor in operation.inputs if not stop(tensor))


def _consumers(tensor: Any) -> Iterable[Any]:
    return tensor.consumers() if operation_of(tensor) is not None else ()


def _identities(tensors: Iterable[Any]) -> set[int]:
    return {id(tensor) for tensor in tensors}
