"""Bytes of flash and RAM that object files take, by kind of section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import DeployError
from nano_u.toolchain.bounded_process import run_bounded


@dataclass(frozen=True)
class SectionSizes:
    """Code and constants lie in flash; variables, initialised or not, in RAM."""

    code_bytes: int
    constant_bytes: int
    variable_bytes: int


def section_sizes(size_program: str, folder: Path, object_files: Sequence[str]) -> SectionSizes:
    """Sizes of the sections of all these files of a folder together, as `size -A` lists them."""
    done = run_bounded([size_program, "-A", *object_files], timeout=60.0, cwd=folder)
    if done.returncode != 0:
        raise DeployError(f"{Path(size_program).name} failed: {done.reason}")
    return sizes_in(done.stdout.decode())


def sizes_in(listing: str) -> SectionSizes:
    """Sums over the lines `name size address` of a listing of `size -A`."""
    rows = [line.split() for line in listing.splitlines() if line.startswith(".")]
    sizes = [(name, int(size)) for name, size, _ in rows]

    def total(*prefixes: str) -> int:
        return sum(
            size for name, size in sizes if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
        )

    return SectionSizes(total(".text"), total(".rodata"), total(".data", ".bss"))
