"""Everything that can compute an int8 network's outputs, run on the same inputs: the rows of a certificate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nano_u.deploy.micro import MicroModel, micro_available
from nano_u.deploy.reference import ReferenceModel
from nano_u.quantization import QuantizedGraph, run_integer
from nano_u.reporting.certificate import Witness
from nano_u.toolchain import (
    CORES,
    HOST_COMPILERS,
    BoardTooSmallError,
    Core,
    MatrixRow,
    StreamingSources,
    available,
    core_named,
    emulate,
    emulated_matrix,
    host_matrix,
    sha256_of,
    unavailable,
)

QUICK_CORE = "cortex-m7"
EMULATED_AS = {"cortex-m0plus": "cortex-m3"}
"""Cores that no emulated board has, each with the one on which its code is run instead."""

STAGE_HOOK = "nano_u_stage"
"""The function by which the emulated board's program learns which stage runs."""

EMULATED_INPUTS, EMULATED_INPUTS_QUICK = 20, 6
"""An emulated frame takes a second and more, so not all inputs are run there: half are images, half noise."""

Images = npt.NDArray[np.int8]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Subject:
    """A network in all its forms, and what to run through it.

    Of `images` the first `real` are no noise. `frames` are camera pictures as int8 `(n, rows, bytes per row, 1)` and
    `behind_camera` the C that takes them; their masks are those of the first images, which are what the camera's
    conversion makes of them.
    """

    tflite: bytes
    graph: QuantizedGraph
    sources: StreamingSources
    images: Images
    real: int
    behind_camera: StreamingSources | None = None
    frames: Images | None = None

    @property
    def camera_name(self) -> str:
        """Of the C behind its camera, in a row; says where only some of the images are kept as the camera sent them."""
        kept = self.real if self.frames is None else len(self.frames)
        return "C from camera bytes" + ("" if kept == self.real else f" ({kept} of {self.real} fit inputs.npz)")


def expected_outputs(subject: Subject) -> Images:
    """What the reference kernels (BUILTIN_REF) give for all images."""
    return ReferenceModel(subject.tflite).predict_int8(subject.images)


def witnesses(
    subject: Subject, expected: Images, *, full: bool, progress: Progress | None = None
) -> tuple[Witness, ...]:
    """Who else computed the outputs; `full` also tries all compilers, optimisations, sanitizers and cores.

    Raises DeployError where a compiler rejects the C, or where it crashes or hangs.
    """
    steps = _steps(subject, expected, full=full)
    found: list[Witness] = []
    for number, (what, run) in enumerate(steps):
        if progress is not None:
            progress(f"proving: {what}", number, len(steps))
        found += run()
    if progress is not None:
        progress("proving", len(steps), len(steps))
    return tuple(found)


def stage_instructions(subject: Subject) -> Mapping[int, int]:
    """Instructions of one frame on the emulated core by stage, in the C's order; empty where none can be emulated."""
    core = core_named(QUICK_CORE)
    if unavailable(core) is not None:
        return {}
    hook = f"-D{subject.sources.name.upper()}_STAGE_HOOK={STAGE_HOOK}"
    try:
        return emulate(subject.sources, core, subject.images[:1], ("-O2", hook)).stage_instructions
    except BoardTooSmallError:
        return {}


def _steps(subject: Subject, expected: Images, *, full: bool) -> list[tuple[str, Callable[[], list[Witness]]]]:
    return [
        ("reference kernels", lambda: [_witness("reference kernels (BUILTIN_REF)", expected, expected)]),
        ("TensorFlow Lite Micro", lambda: [_micro(subject, expected)]),
        ("integer reference", lambda: [_integer(subject, expected)]),
        ("C on this machine", lambda: list(_host(subject, expected, full=full))),
        ("C on emulated cores", lambda: list(_emulated(subject, expected, full=full))),
    ]


def _witness(name: str, outputs: Images, expected: Images) -> Witness:
    return Witness(name, len(outputs), sha256_of(outputs), bool(np.array_equal(outputs, expected)))


def _micro(subject: Subject, expected: Images) -> Witness:
    name = "TensorFlow Lite Micro"
    if not micro_available():
        return Witness(name, not_run="not run: tflite-micro is not installed (pip install 'nano-u[mcu]')")
    return _witness(name, MicroModel(subject.tflite).predict_int8(subject.images), expected)


def _integer(subject: Subject, expected: Images) -> Witness:
    return _witness("integer reference (NumPy)", run_integer(subject.graph, subject.images), expected)


def _host(subject: Subject, expected: Images, *, full: bool) -> Iterator[Witness]:
    if not full and not available(HOST_COMPILERS):
        not_run = "not run: no C compiler is installed (gcc, clang or cc)"
        yield Witness("C, this machine", not_run=not_run, of_c=True, place="this machine")
        return
    for row in host_matrix(subject.sources, subject.images, expected, full=full):
        yield _of_row(row, "C", len(subject.images))
    if subject.behind_camera is not None and subject.frames is not None:
        masks = expected[: len(subject.frames)]
        for row in host_matrix(subject.behind_camera, subject.frames, masks, full=full):
            yield _of_row(row, subject.camera_name, len(subject.frames))


def _emulated(subject: Subject, expected: Images, *, full: bool) -> Iterator[Witness]:
    cores: tuple[Core, ...] = CORES if full else (core_named(QUICK_CORE),)
    chosen = emulated_inputs(len(subject.images), subject.real, EMULATED_INPUTS if full else EMULATED_INPUTS_QUICK)
    for row in emulated_matrix(subject.sources, subject.images[chosen], expected[chosen], cores=cores):
        yield _of_row(row, "C", len(chosen))
    if subject.behind_camera is not None and subject.frames is not None:
        some = subject.frames[: len(chosen) // 2]
        for row in emulated_matrix(subject.behind_camera, some, expected[: len(some)], cores=cores):
            yield _of_row(row, subject.camera_name, len(some))


def emulated_inputs(count: int, real: int, most: int) -> list[int]:
    """At most `most` of `count` inputs: as many images, which come first, as noise, the ends of the range among it."""
    noise = min(count - real, max(most // 2, most - real))
    return [*range(min(real, most - noise)), *range(real, real + noise)]


def place_of(target: str) -> str:
    """Where a build for `target`, "host" or a core's name, is run."""
    if target == "host":
        return "this machine"
    runs_on = EMULATED_AS.get(target)
    return f"emulated {target}" if runs_on is None else f"{target} code on an emulated {runs_on}"


def short_version(compiler: str) -> str:
    """`gcc 12.2.0` of `gcc (Debian 12.2.0-14+deb12u1) 12.2.0`: a compiler's name and number without its packaging.

    For which target it compiles is told by where its program ran.
    """
    numbers = re.findall(r"\d+\.\d+\.\d+(?=\s|$)", compiler)
    program = "clang" if "clang" in compiler else compiler.partition(" ")[0].removeprefix("arm-none-eabi-")
    return f"{program} {numbers[-1]}" if numbers else compiler


def _of_row(row: MatrixRow, what: str, inputs: int) -> Witness:
    place = place_of(row.target)
    options = f"{row.optimisation} sanitized" if row.sanitizers else row.optimisation
    name = f"{what}, {place}, {short_version(row.compiler)} {options}"
    witness = Witness(name, 0 if row.not_run else inputs, row.sha256, row.equal, row.not_run, of_c=True, place=place)
    if row.run is None:
        return witness
    return replace(
        witness,
        instructions=row.run.instructions_per_frame,
        stack_bytes=row.run.stack_bytes,
        code_bytes=row.run.code_bytes,
        constant_bytes=row.run.constant_bytes,
    )
