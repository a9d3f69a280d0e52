"""`static const` data of a generated file: C text and exact bytes on a 32-bit processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from nano_u.codegen.line_breaks import filled
from nano_u.codegen.requantization import Requantization
from nano_u.errors import DeployError

Integers = Literal["int8_t", "int16_t", "uint16_t"]
SIZES: Mapping[Integers, int] = {"int8_t": 1, "int16_t": 2, "uint16_t": 2}

POINTER_BYTES = 4


@dataclass(frozen=True)
class Constant:
    """One definition."""

    text: str
    bytes: int


@dataclass
class Constants:
    """Collects definitions; the same one may come twice, and DeployError is raised for two under one name."""

    by_name: dict[str, Constant] = field(default_factory=dict)
    paddings: dict[int, int] = field(default_factory=dict)
    tables: dict[bytes, str] = field(default_factory=dict)

    def array(self, name: str, kind: Integers, values: npt.ArrayLike) -> str:
        """A one-dimensional table of integers; returns its name."""
        return self.define(name, _array(name, kind, values))

    def convolution(
        self,
        name: str,
        weights: npt.NDArray[np.int8],
        inputs: int,
        requantization: Requantization,
        channels: slice | None = None,
    ) -> str:
        """Weights in the order of reading, parameters of filters, and both as a layer; `channels` are its filters."""
        chosen = slice(None) if channels is None else channels
        bias = requantization.bias[chosen]
        columns = (bias, requantization.multiplier[chosen], requantization.shift[chosen])
        rows = (f"{{{_int32(a)}, {b}, {c}}}" for a, b, c in zip(*(column.tolist() for column in columns), strict=True))
        self.array(f"weights_{name}", "int8_t", weights)
        text = f"static const filter_parameters filters_{name}[{len(bias)}] = {{\n{filled(rows)}}};\n"
        self.define(f"filters_{name}", Constant(text, 12 * len(bias)))
        fields = [f"weights_{name}", f"filters_{name}", inputs, len(bias), _range(requantization)]
        text = f"static const layer_parameters convolution_{name} = {{\n    {', '.join(map(str, fields))}}};\n"
        return self.define(f"convolution_{name}", Constant(text, 2 * POINTER_BYTES + 12))

    def record(self, name: str, kind: str, text: str, size: int) -> str:
        """One structure; returns its name."""
        return self.define(name, Constant(f"static const {kind} {name} = {text};\n", size))

    def records(self, name: str, kind: str, rows: Sequence[Sequence[int]], size: int) -> str:
        """A table of structures; returns its name."""
        lines = filled(f"{{{', '.join(map(str, row))}}}" for row in rows)
        text = f"static const {kind} {name}[{len(rows)}] = {{\n{lines}}};\n"
        return self.define(name, Constant(text, size * len(rows)))

    def lookup(self, name: str, values: npt.NDArray[np.int8]) -> str:
        """A table of 256 entries, shared by all operators that need the same one; returns its name."""
        key = values.tobytes()
        if key not in self.tables:
            self.tables[key] = self.array(f"table_{name}", "int8_t", values)
        return self.tables[key]

    def padding(self, zero_point: int, size: int) -> str:
        """At least `size` bytes of `zero_point`; returns their name."""
        self.paddings[zero_point] = max(size, self.paddings.get(zero_point, 0))
        name = f"padding_{'minus_' if zero_point < 0 else ''}{abs(zero_point)}"
        self.by_name[name] = _array(name, "int8_t", [zero_point] * self.paddings[zero_point])
        return name

    def define(self, name: str, constant: Constant) -> str:
        """Adds a definition; returns its name."""
        if self.by_name.setdefault(name, constant) != constant:
            raise DeployError(f"two tables of the C would both be called {name}; rename one of the layers")
        return name

    @property
    def total_bytes(self) -> int:
        """Bytes of all definitions."""
        return sum(constant.bytes for constant in self.by_name.values())


def _array(name: str, kind: Integers, values: npt.ArrayLike) -> Constant:
    numbers = np.asarray(values).reshape(-1).tolist()
    text = f"static const {kind} {name}[{len(numbers)}] = {{\n{filled(numbers)}}};\n"
    return Constant(text, SIZES[kind] * len(numbers))


def _range(requantization: Requantization) -> str:
    return f"{{{requantization.zero_point}, {requantization.lowest}, {requantization.highest}}}"


def _int32(value: int) -> str:
    """C has no literal for the lowest int32."""
    return "INT32_MIN" if value == -(2**31) else str(value)
