"""The C compilers that this machine has."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nano_u.errors import DeployError
from nano_u.toolchain.bounded_process import run_bounded

HOST_COMPILERS = ("gcc", "clang", "cc")
ARM_COMPILER = "arm-none-eabi-gcc"
STRICT_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
COMPILE_SECONDS = 300.0
SANITIZER_OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=0"}  # networks have no heap
_ANSWER_SECONDS = 30.0
_START_SECONDS = 5.0
_STARTS = 8  # where memory is laid out anew at each start, a runtime may fail at some of them only


@dataclass(frozen=True)
class Compiler:
    """A compiler found on this machine."""

    name: str
    path: str
    version: str  # the first line of what it says of itself


def available(names: Sequence[str] = (*HOST_COMPILERS, ARM_COMPILER)) -> tuple[Compiler, ...]:
    """Those of `names` that are installed, in that order."""
    found = (find_compiler(name) for name in names)
    return tuple(compiler for compiler in found if compiler is not None)


def find_compiler(name: str) -> Compiler | None:
    """The compiler of that name on the search path, or None; one that does not even tell its version is none."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        return Compiler(name, path, version_of(path))
    except DeployError:  # macOS has a gcc that only asks to install one
        return None


def host_compiler(name: str | None = None) -> Compiler:
    """The named compiler, or the first of `HOST_COMPILERS` that is installed; DeployError when there is none."""
    names = HOST_COMPILERS if name is None else (name,)
    found = available(names)
    if not found:
        raise DeployError(f"no C compiler: {' and '.join(names)} not found; install one, for example Debian's gcc")
    return found[0]


@cache
def version_of(program: str) -> str:
    """First line of `program --version`; DeployError when it has none."""
    done = run_bounded([program, "--version"], timeout=_ANSWER_SECONDS)
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode != 0 or not lines:
        raise DeployError(f"{Path(program).name} --version failed: {done.reason}")
    return lines[0].strip()


def compile_in(folder: Path, compiler: Compiler, arguments: Sequence[str]) -> None:
    """Run the compiler in `folder`; DeployError with the first line of its message when it fails."""
    done = run_bounded([compiler.path, *arguments], timeout=COMPILE_SECONDS, cwd=folder)
    if done.returncode != 0:
        raise DeployError(f"{compiler.name} failed: {done.reason}")


def unsanitizable(compiler: Compiler, sanitizers: str) -> str | None:
    """Why an empty program compiled with `-fsanitize=<sanitizers>` does not link or run here; None where it does."""
    fault = _sanitizer_fault(compiler.path, f"-fsanitize={sanitizers}")
    return None if fault is None else f"{compiler.name}'s sanitizer {fault} here"


@cache
def _sanitizer_fault(path: str, flag: str) -> str | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
        linked = run_bounded([path, flag, "empty.c", "-o", "empty"], timeout=COMPILE_SECONDS, cwd=folder)
        if linked.returncode != 0:
            return "has no runtime"
        return None if all(_ends_well(folder / "empty") for _ in range(_STARTS)) else "does not run"


def _ends_well(executable: Path) -> bool:
    try:
        return run_bounded([str(executable)], timeout=_START_SECONDS, environment=SANITIZER_OPTIONS).returncode == 0
    except DeployError:  # it hangs, as sanitizers do that crash in their own handler, or cannot be started
        return False
