"""A whole int8 network: tensors and the operators that join them, in the order in which they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from nano_u.errors import DeployError
from nano_u.quantization.record import QuantizedOp, QuantizedTensor
from nano_u.quantization.rules import check_op


@dataclass(frozen=True)
class QuantizedGraph:
    """An int8 network with one input and one output, checked when it is made.

    `tensors` are the input and then every operator's output, in the operators' order.
    """

    tensors: tuple[QuantizedTensor, ...]
    ops: tuple[QuantizedOp, ...]
    output: str

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in self.tensors]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise DeployError(f"two tensors are called {twice[0]!r}")
        if not self.ops or names[1:] != [op.output for op in self.ops]:
            raise DeployError("the tensors of an int8 graph must be its input and then each operator's output")
        for position, op in enumerate(self.ops, start=1):
            missing = [name for name in op.inputs if name not in names[:position]]
            if missing:
                raise DeployError(f"layer {op.output!r}: reads {missing[0]!r}, which no operator before it gives")
            check_op(op, [self.by_name[name] for name in op.inputs], self.by_name[op.output])
        if self.output not in names:
            raise DeployError(f"the output {self.output!r} is no tensor of the graph")

    @property
    def input(self) -> str:
        """Name of the input tensor."""
        return self.tensors[0].name

    @cached_property
    def by_name(self) -> Mapping[str, QuantizedTensor]:
        """Tensors by name."""
        return {tensor.name: tensor for tensor in self.tensors}
