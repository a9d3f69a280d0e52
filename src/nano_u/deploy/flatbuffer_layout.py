"""Where everything lies in a `.tflite` file, held to the rules that LiteRT's own verifier holds it to.

The generated Python schema follows offsets wherever they lead; a file that it can read may still be one that no
runtime loads. Rules: flatbuffers' `verifier.h`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from nano_u.deploy.flatbuffer import refusing_damage
from nano_u.errors import DeployError

TEXT = "text"
ABSENT = "absent"

Field = int | str | list[int] | list[str] | Mapping[int, str] | None
"""A scalar by its bytes, TEXT, a table by its name, a vector of scalars or tables; None where nothing is read any more.

A mapping is a union: from the value of the field before it to a table. ABSENT are features that are not computed.
"""

OPTIONS: Mapping[int, str] = {
    1: "Conv2DOptions",
    2: "DepthwiseConv2DOptions",
    5: "Pool2DOptions",
    10: "ConcatenationOptions",
    11: "AddOptions",
    15: "ResizeBilinearOptions",
    22: "PadOptions",
    74: "ResizeNearestNeighborOptions",
    89: "QuantizeOptions",
}
"""Of the operators that a `QuantizedGraph` holds, by their numbers in the schema's union."""

TABLES: Mapping[str, tuple[Field, ...]] = {
    "Model": (4, ["OperatorCode"], ["SubGraph"], TEXT, ["Buffer"], [4], ["Metadata"], ["SignatureDef"], *[ABSENT] * 2),
    "OperatorCode": (1, TEXT, 4, 4),
    "SubGraph": (["Tensor"], [4], [4], ["Operator"], TEXT, 4),
    "Tensor": ([4], 1, 4, TEXT, "QuantizationParameters", 1, ABSENT, [4], 1, ABSENT, 4),
    "QuantizationParameters": ([4], [4], [4], [8], 1, ABSENT, 4),
    "Operator": (4, [4], [4], 1, OPTIONS, [1], 1, [1], [4], 8, 8, 1, ABSENT, 4),
    "Buffer": ([1], 8, 8),
    "Metadata": (TEXT, 4),
    "SignatureDef": (["TensorMap"], ["TensorMap"], TEXT, None, 4),
    "TensorMap": (TEXT, 4),
    "Conv2DOptions": (1, 4, 4, 1, 4, 4, 1),
    "DepthwiseConv2DOptions": (1, 4, 4, 4, 1, 4, 4),
    "Pool2DOptions": (1, 4, 4, 4, 4, 1),
    "ConcatenationOptions": (4, 1),
    "AddOptions": (1, 1),
    "ResizeBilinearOptions": (None, None, 1, 1),
    "PadOptions": (),
    "ResizeNearestNeighborOptions": (1, 1),
    "QuantizeOptions": (),
}
"""The schema's tables, fields in its order."""

LARGEST_REUSE = 4
"""Times the file's size that may be looked at: where offsets lead to one place too often, no reader comes to an end."""

_SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_OFFSET_BYTES, _SLOT_BYTES = 4, 2


def check_layout(content: bytes) -> None:
    """Raise DeployError where something lies outside of the file or at an odd place, or is a text that is none."""
    with refusing_damage():
        _Layout(content).check()


class _Layout:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes_left = LARGEST_REUSE * len(content)

    def check(self) -> None:
        self.table(self.target(0), "Model")

    def table(self, position: int, name: str) -> None:
        """A table and all below it."""
        slots = self.slots(position)
        is_union_of = 0
        for number, (field, slot) in enumerate(zip(TABLES[name], slots, strict=False)):
            if slot == 0:
                is_union_of = 0
                continue
            place = position + slot
            if isinstance(field, Mapping):
                target = self.target(place)
                if is_union_of in field:
                    self.table(target, field[is_union_of])
            elif isinstance(field, int):
                is_union_of = self.number(place, field)
            elif field == ABSENT:
                raise DeployError(
                    f"unusual TensorFlow Lite model: {name} has field {number}, which is not computed with"
                )
            elif field is not None:
                self.member(self.target(place), field)

    def member(self, position: int, field: str | list[int] | list[str]) -> None:
        """A text, a table or a vector."""
        if field == TEXT:
            end = self.vector(position, 1)
            if self.number(end, 1) != 0:
                raise _damage("a text has no end")
            self.content[position + _OFFSET_BYTES : end].decode()
        elif isinstance(field, str):
            self.table(position, field)
        elif isinstance(field[0], int):
            self.vector(position, field[0])
        else:
            for place in range(position + _OFFSET_BYTES, self.vector(position, _OFFSET_BYTES), _OFFSET_BYTES):
                self.table(place + self.number(place, _OFFSET_BYTES), field[0])

    def slots(self, position: int) -> tuple[int, ...]:
        """Of every field, its distance from the table's start, 0 where it is left out."""
        self.number(position, _OFFSET_BYTES)
        start = position - int(struct.unpack_from("<i", self.content, position)[0])
        size = self.number(start, _SLOT_BYTES)
        if size % _SLOT_BYTES != 0 or size < 2 * _SLOT_BYTES:
            raise _damage(f"a table's description has {size} bytes")
        self.inside(start, size)
        count = size // _SLOT_BYTES
        return struct.unpack_from(f"<{count}H", self.content, start)[2:]

    def vector(self, position: int, item_bytes: int) -> int:
        """Where the vector ends."""
        size = self.number(position, _OFFSET_BYTES) * item_bytes
        self.inside(position, _OFFSET_BYTES + size)
        return position + _OFFSET_BYTES + size

    def target(self, position: int) -> int:
        """Where an offset leads."""
        offset = self.number(position, _OFFSET_BYTES)
        if offset == 0:
            raise _damage(f"the offset at byte {position} leads nowhere")
        self.inside(position + offset, 1)
        return position + offset

    def number(self, position: int, size: int) -> int:
        """An unsigned number at a multiple of its size."""
        self.inside(position, size)
        if position % size != 0:
            raise _damage(f"the number at byte {position} is not aligned")
        return int(struct.unpack_from(f"<{_SIZES[size]}", self.content, position)[0])

    def inside(self, position: int, size: int) -> None:
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise _damage("its parts are used again and again")
        if position < 0 or position + size > len(self.content):
            raise _damage(f"bytes {position} to {position + size - 1} lie outside of the file")


def _damage(reason: str) -> DeployError:
    return DeployError(f"damaged TensorFlow Lite model: {reason}")
