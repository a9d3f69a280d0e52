"""Arm cores for which networks are compiled, each with the emulated board that runs its code."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.errors import DeployError


@dataclass(frozen=True)
class Board:
    """A board that QEMU emulates: where its memory and a 32-bit timer are, and how fast the timer counts."""

    machine: str
    code_origin: int
    ram_origin: int
    timer: int
    tick_ns: int
    code_bytes: int = 4 * 2**20
    ram_bytes: int = 16 * 2**20


@dataclass(frozen=True)
class Core:
    """A core as the compiler knows it; floating point is in software, which int8 networks do not use."""

    name: str
    board: Board

    @property
    def flags(self) -> tuple[str, ...]:
        """Compiler flags that select the core."""
        return (f"-mcpu={self.name}", "-mthumb", "-mfloat-abi=soft")


# RAM is the boards' PSRAM, their largest; nothing lies right below it.
_AN385 = Board("mps2-an385", 0x00000000, 0x21000000, 0x40000000, tick_ns=40)
_AN386 = Board("mps2-an386", 0x00000000, 0x21000000, 0x40000000, tick_ns=40)
_AN500 = Board("mps2-an500", 0x00000000, 0x60000000, 0x40000000, tick_ns=40)
_AN505 = Board("mps2-an505", 0x10000000, 0x80000000, 0x50000000, tick_ns=50)  # secure aliases; PSRAM has none

CORES = (
    Core("cortex-m0plus", _AN385),  # QEMU's boards have no larger ARMv6-M core: its code runs on a Cortex-M3
    Core("cortex-m3", _AN385),
    Core("cortex-m4", _AN386),
    Core("cortex-m7", _AN500),
    Core("cortex-m33", _AN505),
)


def core_named(name: str) -> Core:
    """The core of that name; DeployError lists the known ones."""
    for core in CORES:
        if core.name == name:
            return core
    raise DeployError(f"unknown core {name!r}; known: {', '.join(core.name for core in CORES)}")
