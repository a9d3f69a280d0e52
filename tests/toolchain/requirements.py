"""Which tools a test needs; without them it is skipped by name."""

from __future__ import annotations

import pytest

from nano_u.toolchain import CORES, Compiler, Core, find_compiler, host_compiler, unavailable
from nano_u.toolchain.compilers import unsanitizable

CORE_CASES = [pytest.param(core, id=core.name) for core in CORES]


def need_core(core: Core) -> None:
    reason = unavailable(core)
    if reason is not None:
        pytest.skip(reason)


def need_compiler(name: str) -> Compiler:
    compiler = find_compiler(name)
    if compiler is None:
        pytest.skip(f"{name} is not installed")
    return compiler


def need_sanitizers() -> Compiler:
    compiler = host_compiler()
    fault = unsanitizable(compiler, "address,undefined")
    if fault is not None:
        pytest.skip(fault)
    return compiler
