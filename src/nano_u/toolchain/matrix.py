"""Every build of a network that this machine can make, each compared with the expected outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.errors import DeployError
from nano_u.toolchain.compilers import Compiler, find_compiler, host_compiler, unsanitizable
from nano_u.toolchain.core import CORES, Core
from nano_u.toolchain.emulator import BoardTooSmallError, EmulatedRun, emulate, unavailable
from nano_u.toolchain.host_build import host_build
from nano_u.toolchain.images import sha256_of
from nano_u.toolchain.sources import StreamingSources

FULL_COMPILERS = ("gcc", "clang")
OPTIMISATIONS = ("-O0", "-O1", "-O2", "-O3")
SANITIZERS = "address,undefined"
HOST = "host"


@dataclass(frozen=True)
class MatrixRow:
    """One build: where it ran and what came out, or why it did not run; one of `sha256` and `not_run` is None."""

    target: str  # "host" or the core's name
    compiler: str
    optimisation: str
    sanitizers: str  # "" for none
    sha256: str | None = None  # of the outputs
    equal: bool | None = None  # to the expected outputs, every byte
    not_run: str | None = None  # "not run: ..."
    run: EmulatedRun | None = None


def host_matrix(
    sources: StreamingSources, images: npt.NDArray[np.int8], expected: npt.NDArray[np.int8], *, full: bool
) -> tuple[MatrixRow, ...]:
    """Rows of builds for this machine: one at -O2, or with `full` gcc and clang at -O0 to -O3 and with sanitizers.

    Raises DeployError when a compiler rejects the sources, when a build crashes, hangs or a sanitizer stops it, and,
    unless `full`, when there is no compiler: what fails is never a row that looks like one that did not run.
    """
    _check_expected(images, expected)
    if not full:
        return (_host_row(sources, images, expected, host_compiler(), "-O2", ""),)
    return tuple(_full_host_rows(sources, images, expected))


def emulated_matrix(
    sources: StreamingSources,
    images: npt.NDArray[np.int8],
    expected: npt.NDArray[np.int8],
    *,
    cores: Sequence[Core] = CORES,
    optimisation: str = "-O2",
    extra_flags: Sequence[str] = (),
) -> tuple[MatrixRow, ...]:
    """A row for each core, with what was measured on it; one that cannot be emulated or is too small says so.

    Raises DeployError as `emulate` does, except for missing tools and boards that are too small.
    """
    _check_expected(images, expected)
    return tuple(_emulated_row(sources, images, expected, core, optimisation, extra_flags) for core in cores)


def _full_host_rows(
    sources: StreamingSources, images: npt.NDArray[np.int8], expected: npt.NDArray[np.int8]
) -> Iterator[MatrixRow]:
    variants = [*((optimisation, "") for optimisation in OPTIMISATIONS), ("-O1", SANITIZERS)]
    names: dict[str, str] = {}
    for name in FULL_COMPILERS:
        compiler = find_compiler(name)
        first = name if compiler is None else names.setdefault(compiler.version, name)
        for optimisation, sanitizers in variants:
            if compiler is None:
                yield MatrixRow(HOST, name, optimisation, sanitizers, not_run=f"not run: {name} is not installed")
            elif first != name:  # macOS calls its clang gcc too
                reason = f"not run: {name} is the same compiler as {first}"
                yield MatrixRow(HOST, name, optimisation, sanitizers, not_run=reason)
            elif sanitizers and (fault := unsanitizable(compiler, sanitizers)) is not None:
                yield MatrixRow(HOST, compiler.version, optimisation, sanitizers, not_run=f"not run: {fault}")
            else:
                yield _host_row(sources, images, expected, compiler, optimisation, sanitizers)


def _host_row(
    sources: StreamingSources,
    images: npt.NDArray[np.int8],
    expected: npt.NDArray[np.int8],
    compiler: Compiler,
    optimisation: str,
    sanitizers: str,
) -> MatrixRow:
    with host_build(sources, compiler=compiler, optimisation=optimisation, sanitizers=sanitizers) as build:
        outputs = build.run(images)
    equal = np.array_equal(outputs, expected)
    return MatrixRow(HOST, compiler.version, optimisation, sanitizers, sha256_of(outputs), equal)


def _emulated_row(
    sources: StreamingSources,
    images: npt.NDArray[np.int8],
    expected: npt.NDArray[np.int8],
    core: Core,
    optimisation: str,
    extra_flags: Sequence[str],
) -> MatrixRow:
    reason = unavailable(core)
    if reason is not None:
        return MatrixRow(core.name, "arm-none-eabi-gcc", optimisation, "", not_run=reason)
    try:
        run = emulate(sources, core, images, (optimisation, *extra_flags))
    except BoardTooSmallError as error:
        return MatrixRow(core.name, "arm-none-eabi-gcc", optimisation, "", not_run=f"not run: {error}")
    equal = np.array_equal(run.outputs, expected)
    return MatrixRow(core.name, run.compiler, optimisation, "", run.sha256, equal, run=run)


def _check_expected(images: npt.NDArray[np.int8], expected: npt.NDArray[np.int8]) -> None:
    if expected.dtype != np.int8 or expected.ndim != 4 or len(expected) != len(images):
        raise DeployError(
            f"the expected outputs must be int8 (n, height, width, channels) for n = {len(images)} images, "
            f"got {expected.dtype} of shape {expected.shape}"
        )
