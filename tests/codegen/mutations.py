"""Damaged and hostile variants of `.tflite` files, drawn at random: of their bytes, or of one field of their schema."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nano_u.deploy.aligned_builder import pack
from nano_u.deploy.flatbuffer import read_model

EDGES = (0, 1, -1, 2, 3, 5, 8, 127, 128, -128, 255, 256, 32767, 32768, 65535, 65536, 2**20, 2**31 - 1, -(2**31), 2**62)
REALS = (0.0, -1.0, 1.0, float("nan"), float("inf"), 1e-45, 1e-38, 1e-20, 1e20, 3e38)
ATTEMPTS = 100

COMPUTED_WITH = ("buffers.data", "quantization.scale", "quantization.zeroPoint", "builtinOptions.", "operators.inputs")
"""Fields whose change most often gives another network that is still one: most changes are theirs."""


@dataclass(frozen=True)
class Mutation:
    """A file and what was done to its seed."""

    what: str
    content: bytes


def mutation(seed: bytes, random: np.random.Generator) -> Mutation:
    """The seed with one to three mutations of a kind; half of all change fields and leave the file well-formed."""
    times = int(random.choice([1, 1, 1, 2, 3]))
    if random.random() < 0.5:
        return _with_other_fields(seed, random, times)
    change = BYTE_CHANGES[int(random.integers(len(BYTE_CHANGES)))]
    content = bytearray(seed)
    for _ in range(times):
        content = change(content, random)
    return Mutation(f"{change.__name__} x{times}", bytes(content))


def flip_bits(content: bytearray, random: np.random.Generator) -> bytearray:
    """One bit."""
    position = _place(content, random)
    content[position] ^= 1 << int(random.integers(8))
    return content


def change_bytes(content: bytearray, random: np.random.Generator) -> bytearray:
    """One byte to any value."""
    content[_place(content, random)] = int(random.integers(256))
    return content


def truncate(content: bytearray, random: np.random.Generator) -> bytearray:
    """The file's end is missing; most often little of it."""
    missing = 1 + int(len(content) * random.random() ** 4)
    return content[: max(0, len(content) - missing)]


def swap_words(content: bytearray, random: np.random.Generator) -> bytearray:
    """Two aligned 32-bit words change places."""
    first, second = (4 * int(word) for word in random.integers(0, max(1, len(content) // 4), 2))
    one, other = content[first : first + 4], content[second : second + 4]
    content[first : first + len(other)], content[second : second + len(one)] = other, one
    return content


def set_word(content: bytearray, random: np.random.Generator) -> bytearray:
    """An aligned 32-bit word becomes a number at the edge of some range."""
    position = 4 * int(random.integers(0, max(1, len(content) // 4)))
    value = int(random.choice(EDGES)) & 0xFFFFFFFF
    content[position : position + 4] = struct.pack("<I", value)
    return content


BYTE_CHANGES: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (
    flip_bits,
    change_bytes,
    truncate,
    swap_words,
    set_word,
)


def _place(content: bytearray, random: np.random.Generator) -> int:
    return int(random.integers(max(1, len(content))))


@dataclass(frozen=True)
class _Field:
    """A number, text, list or array somewhere in the schema's tree; `kind` is its path without positions."""

    kind: str
    value: Any
    put: Callable[[Any], None]


def _with_other_fields(seed: bytes, random: np.random.Generator, times: int) -> Mutation:
    """Every kind of field is as likely as others of its sort; what cannot be packed is drawn again."""
    for _ in range(ATTEMPTS):
        model = read_model(seed)
        changes = []
        for _ in range(times):
            fields = list(_fields(model, "model"))
            kinds = _drawn_from(sorted({field.kind for field in fields}), random)
            kind = kinds[int(random.integers(len(kinds)))]
            alike = [field for field in fields if field.kind == kind]
            field = alike[int(random.integers(len(alike)))]
            value = _other_value(field.value, random)
            field.put(value)
            changes.append(f"{kind}: {_short(field.value)} -> {_short(value)}")
        try:
            return Mutation("; ".join(changes), pack(model))
        except (TypeError, ValueError, OverflowError, AttributeError, struct.error):
            continue  # no file can say this
    raise AssertionError("no mutation of this file can be packed")


def _drawn_from(kinds: list[str], random: np.random.Generator) -> list[str]:
    """The kinds of fields of which one is changed: any, what is computed with, or constants alone."""
    names = (("",), COMPUTED_WITH, ("buffers.data",))[int(random.choice(3, p=[0.3, 0.3, 0.4]))]
    return [kind for kind in kinds if any(name in kind for name in names)] or kinds


def _fields(value: Any, kind: str) -> Iterator[_Field]:
    """All fields below an object of the schema."""
    for name, member in vars(value).items():
        path = f"{kind}.{name}"

        def put(new: Any, name: str = name) -> None:
            setattr(value, name, new)

        if hasattr(member, "__dict__") and hasattr(member, "Pack"):
            yield from _fields(member, path)
        elif isinstance(member, (int, float, bytes, list, np.ndarray)):
            yield _Field(path, member, put)
        if isinstance(member, list):
            for item in (item for item in member if hasattr(item, "Pack")):
                yield from _fields(item, path)


def _other_value(value: Any, random: np.random.Generator) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float, np.number)):
        return _other_number(value, random)
    if isinstance(value, bytes):
        return _other_text(value, random)
    return _other_sequence(value, random)


def _other_number(value: Any, random: np.random.Generator) -> Any:
    if isinstance(value, (float, np.floating)):
        near = float(value) * float(random.choice([-1, 0.5, 0.999, 1.001, 2, 1000]))
        return float(random.choice([*REALS, *[near] * len(REALS)]))
    number = int(value)
    near = [number + 1, number - 1, 2 * number, number // 2, -number, int(random.integers(160))]
    choices = [*EDGES, *near, *near, *near]
    return choices[int(random.integers(len(choices)))]


def _other_text(value: bytes, random: np.random.Generator) -> bytes:
    choices = (b"", b"\xff\xfe", value + b"*/", value[:-1], b"image", b"layer0", b"a" * 5000, b"\n")
    return choices[int(random.integers(len(choices)))]


def _other_sequence(value: Any, random: np.random.Generator) -> Any:
    """One number changed, most often; or an item removed, repeated, added or exchanged with another."""
    items = list(value)
    if len(items) == 0:
        return np.zeros(1, value.dtype) if isinstance(value, np.ndarray) else [0]
    position, other = (int(place) for place in random.integers(0, len(items), 2))
    is_numbers = not hasattr(items[0], "Pack")
    choice = int(random.integers(24 if is_numbers else 4))
    if choice == 0:
        del items[position]
    elif choice == 1:
        items.insert(position, items[other])
    elif choice == 2:
        del items[position:]
    elif choice == 3:
        items[position], items[other] = items[other], items[position]
    else:
        items[position] = _other_number(items[position], random)
    return np.asarray(items).astype(value.dtype) if isinstance(value, np.ndarray) else items


def _short(value: Any) -> str:
    text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) < 40 else f"{text[:36]}..."
