"""Short tensor names in a converted model: the converter's own take nearly half the file, and flash holds them all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nano_u.deploy.aligned_builder import pack
from nano_u.deploy.flatbuffer import load_schema, operator_name, read_model
from nano_u.deploy.summary import WEIGHTED_OPERATORS

_WEIGHT_ROLES = {1: "kernel", 2: "bias"}

_PLACEHOLDER = "node{}x"
_FOUND = re.compile(r"\bnode(\d+)x")


def placeholder(index: int) -> str:
    """Name for layer number `index` that `tidy` finds again in the converter's fused names."""
    return _PLACEHOLDER.format(index)


def tidy(tflite: bytes, layers: Sequence[str], input_name: str) -> bytes:
    """The same model with each operator's output named after its layer, and its weights `layer/kernel`, `layer/bias`.

    `layers` holds the real names of the layers that were converted under their `placeholder`. An operator fused from
    several layers takes the first one's name: the convolution's, not its BatchNorm's or ReLU's.
    """
    schema = load_schema()
    model = read_model(tflite)
    subgraph = model.subgraphs[0]
    codes = [operator_name(code, schema) for code in model.operatorCodes]
    names: dict[int, str] = dict.fromkeys((int(index) for index in subgraph.inputs), input_name)
    taken = {input_name}
    for operator in subgraph.operators:
        kind = codes[operator.opcodeIndex]
        wanted = _layer_of(operator, subgraph.tensors, layers) or kind.lower()
        for output in operator.outputs:
            names[int(output)] = _unused(wanted, taken)
        for position, index in enumerate(operator.inputs):
            if index >= 0 and int(index) not in names:
                role = _WEIGHT_ROLES.get(position, "constant") if kind in WEIGHTED_OPERATORS else "constant"
                names[int(index)] = _unused(f"{names[int(operator.outputs[0])]}/{role}", taken)
    for index, tensor in enumerate(subgraph.tensors):
        tensor.name = names.get(index, f"tensor{index}").encode()
    return pack(model)


def _layer_of(operator: Any, tensors: Sequence[Any], layers: Sequence[str]) -> str | None:
    """The first layer named by the operator's outputs, else by what it reads besides its first input."""
    for indices in (operator.outputs, operator.inputs[1:]):
        text = " ".join(tensors[index].name.decode() for index in indices if index >= 0)
        found = [int(number) for number in _FOUND.findall(text)]
        if found:
            return layers[min(found)]
    return None


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}/{number}", number + 1
    taken.add(name)
    return name
