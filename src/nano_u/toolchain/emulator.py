"""A streaming network compiled for an Arm core and run, bare-metal, on the board that QEMU emulates for it.

QEMU's virtual time advances by a fixed step per instruction (`-icount`), several ticks of the board's timer, so the
timer counts instructions exactly. They are instructions, not cycles: emulation knows no wait states and no pipeline.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano_u.errors import DeployError
from nano_u.toolchain.bounded_process import FinishedProcess, run_bounded
from nano_u.toolchain.compilers import ARM_COMPILER, STRICT_FLAGS, Compiler, compile_in, find_compiler, version_of
from nano_u.toolchain.core import Board, Core
from nano_u.toolchain.images import Shape, check_images, images_of, sha256_of
from nano_u.toolchain.section_sizes import SectionSizes, section_sizes
from nano_u.toolchain.sources import StreamingSources, write_sources

EMULATOR = "qemu-system-arm"
MODEL_STACK_BYTES = 2**16
HARNESS_STACK_BYTES = 2**14
_LIBRARY_BYTES = 2**14  # more than memcpy and 64-bit arithmetic take
_SIZE = "arm-none-eabi-size"
_ICOUNT_SHIFT = 7  # 128 ns per instruction: at least 2.5 ticks of every board's timer
_STAGES = 4096
_HEADER_WORDS = 9
_FAILURES = {  # the exit codes of harness/on-board.c
    2: "a file of the harness could not be read or written",
    3: "the core faulted: a misaligned, wild or stack-exhausting access, or an instruction it does not have",
    4: "the network's rows do not come once each and in order",
    5: f"the network's stack exceeds {MODEL_STACK_BYTES} bytes",
    6: "the network's hook names a stage below 0",
}
_TOO_SMALL = {
    7: "one row takes more instructions than the board's timer can count, over 10^9",
    8: f"the network has more than {_STAGES - 1} stages",
}


class BoardTooSmallError(DeployError):
    """A sound network that the emulated board cannot hold or count; the text says what there is too much of."""


@dataclass(frozen=True)
class EmulatedRun:
    """What a network gave and took on an emulated core.

    Instructions and stack are the network's own, the harness' left out. `code_bytes` and `constant_bytes` are its
    object file's, without the library functions it calls (memcpy; 64-bit arithmetic on cores that lack it).
    """

    core: Core
    compiler: str
    emulator: str
    flags: tuple[str, ...]
    input_shape: Shape
    output_shape: Shape
    outputs: npt.NDArray[np.int8] = field(repr=False)
    frame_instructions: tuple[int, ...]  # of each image, in order
    init_instructions: int
    stage_instructions: dict[
        int, int
    ]  # of all images, by the number that the network's hook names; -1 before the first
    stack_bytes: int  # worst over init and all images
    state_bytes: int
    code_bytes: int
    constant_bytes: int
    variable_bytes: int  # RAM beside the state; 0 for a network without globals

    @property
    def instructions_per_frame(self) -> int:
        """Instructions of the longest frame."""
        return max(self.frame_instructions)

    @property
    def sha256(self) -> str:
        """SHA-256 of the outputs."""
        return sha256_of(self.outputs)


def unavailable(core: Core) -> str | None:
    """Why `core` cannot be emulated on this machine, as a certificate says it: "not run: ..."; None when it can."""
    compiler = find_compiler(ARM_COMPILER)
    if compiler is None:
        return f"not run: {ARM_COMPILER} is not installed"
    for program in (_SIZE, EMULATOR):
        if shutil.which(program) is None:
            return f"not run: {program} is not installed"
    if not _has_c_library(compiler.path, core.flags):
        return "not run: newlib for arm-none-eabi-gcc is not installed"
    if core.board.machine not in _machines(_emulator_path()):
        return f"not run: {EMULATOR} has no board {core.board.machine}"
    return None


def emulate(
    sources: StreamingSources,
    core: Core,
    images: npt.NDArray[np.int8],
    flags: Sequence[str] = ("-O2",),
    *,
    timeout: float = 600.0,
) -> EmulatedRun:
    """Run int8 images `(n, height, width, channels)`, at least one, through one state on the emulated core.

    If the source has stage hooks, they are called when `flags` define the hook as `nano_u_stage`. Raises DeployError
    when a tool is missing, the compiler fails, or the network faults, emits rows out of order or gives no further row
    for `timeout` seconds, and BoardTooSmallError when it is too large for the board.
    """
    check_images(images)
    if len(images) == 0:
        raise DeployError("emulation needs at least one image")
    reason = unavailable(core)
    if reason is not None:
        raise DeployError(f"{core.name}: {reason}")
    compiler = _arm_compiler()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        c_files = write_sources(sources, folder, ("on-board.c", "on-board-crossings.S", "on-board.ld"))
        definitions = _definitions(core.board, images.shape)
        sizes = _compile(folder, c_files, core, compiler, flags, definitions)
        (folder / "images.bin").write_bytes(images.tobytes())
        done = run_bounded(_emulation(core), timeout=timeout, cwd=folder, output=folder / "outputs.bin")
        _check(done, core)
        report = (folder / "report.bin").read_bytes()
        content = (folder / "outputs.bin").read_bytes()
    return _run_of(report, content, images, sizes, core, compiler, tuple(flags))


def _definitions(board: Board, shape: tuple[int, ...]) -> tuple[str, ...]:
    frames, height, width, channels = shape
    return (
        f"-DBOARD_TIMER={board.timer:#x}",
        f"-DTICK_NS={board.tick_ns}U",
        f"-DINSTRUCTION_NS={2**_ICOUNT_SHIFT}U",
        f"-DSTAGES={_STAGES}",
        f"-DFRAMES={frames}",
        f"-DIMAGE_HEIGHT={height}",
        f"-DIMAGE_WIDTH={width}",
        f"-DIMAGE_CHANNELS={channels}",
    )


def _compile(
    folder: Path,
    c_files: Sequence[str],
    core: Core,
    compiler: Compiler,
    flags: Sequence[str],
    definitions: Sequence[str],
) -> SectionSizes:
    """Make firmware.elf; the sizes are of the network's own object files."""
    strict = (*core.flags, *STRICT_FLAGS)
    objects = [str(Path(file).with_suffix(".o")) for file in c_files]
    harness = ["on-board.o", "on-board-crossings.o"]
    compile_in(folder, compiler, [*strict, *flags, "-c", *c_files])
    compile_in(folder, compiler, [*strict, "-O2", *definitions, "-c", "on-board.c", "on-board-crossings.S"])
    board, sizes = core.board, section_sizes(_SIZE, folder, objects)
    _check_room(board, sizes, section_sizes(_SIZE, folder, harness))
    symbols = {
        "CODE_ORIGIN": board.code_origin,
        "CODE_BYTES": board.code_bytes,
        "RAM_ORIGIN": board.ram_origin,
        "RAM_BYTES": board.ram_bytes,
        "MODEL_STACK_BYTES": MODEL_STACK_BYTES,
        "HARNESS_STACK_BYTES": HARNESS_STACK_BYTES,
    }
    placing = [f"-Wl,--defsym={symbol}={value:#x}" for symbol, value in symbols.items()]
    linking = [*core.flags, "-nostartfiles", *placing, "-T", "on-board.ld", *harness, *objects]
    compile_in(folder, compiler, [*linking, "-o", "firmware.elf"])
    return sizes


def _check_room(board: Board, network: SectionSizes, harness: SectionSizes) -> None:
    both = (network, harness)
    flash = _LIBRARY_BYTES + sum(sizes.code_bytes + sizes.constant_bytes for sizes in both)
    ram = MODEL_STACK_BYTES + HARNESS_STACK_BYTES + sum(sizes.variable_bytes for sizes in both)
    for what, needed, there in (
        ("code and constants", flash, board.code_bytes),
        ("state and stack", ram, board.ram_bytes),
    ):
        if needed > there:
            raise BoardTooSmallError(
                f"the network's {what} do not fit the emulated {board.machine}: {needed:,} bytes, it has {there:,}"
            )


def _emulation(core: Core) -> list[str]:
    return [
        _emulator_path(),
        *("-M", core.board.machine),
        *("-nodefaults", "-display", "none", "-serial", "none", "-monitor", "none"),
        *("-semihosting-config", "enable=on,target=native"),
        *("-icount", f"shift={_ICOUNT_SHIFT},sleep=off"),
        *("-kernel", "firmware.elf"),
    ]


def _check(done: FinishedProcess, core: Core) -> None:
    if done.returncode == 0:
        return
    if done.returncode in _TOO_SMALL:
        raise BoardTooSmallError(f"emulated {core.name}: {_TOO_SMALL[done.returncode]}")
    raise DeployError(f"emulated {core.name} failed: {_FAILURES.get(done.returncode, done.reason)}")


def _run_of(
    report: bytes,
    content: bytes,
    images: npt.NDArray[np.int8],
    sizes: SectionSizes,
    core: Core,
    compiler: Compiler,
    flags: tuple[str, ...],
) -> EmulatedRun:
    header = np.frombuffer(report, "<u4", count=_HEADER_WORDS).tolist()
    counts = np.frombuffer(report, "<u8", offset=4 * _HEADER_WORDS).tolist()
    stages, frames = counts[:_STAGES], counts[_STAGES:]
    input_shape, output_shape = (header[0], header[1], header[2]), (header[3], header[4], header[5])
    return EmulatedRun(
        core=core,
        compiler=compiler.version,
        emulator=version_of(_emulator_path()),
        flags=flags,
        input_shape=input_shape,
        output_shape=output_shape,
        outputs=images_of(content, len(images), output_shape, f"emulated {core.name}"),
        frame_instructions=tuple(frames),
        init_instructions=header[8],
        stage_instructions=_by_stage(stages),
        stack_bytes=header[7],
        state_bytes=header[6],
        code_bytes=sizes.code_bytes,
        constant_bytes=sizes.constant_bytes,
        variable_bytes=sizes.variable_bytes,
    )


def _by_stage(counts: Sequence[int]) -> dict[int, int]:
    *named, before_the_first = counts
    return {-1: before_the_first, **{stage: count for stage, count in enumerate(named) if count > 0}}


def _arm_compiler() -> Compiler:
    compiler = find_compiler(ARM_COMPILER)
    if compiler is None:
        raise DeployError(f"{ARM_COMPILER} is not installed")
    return compiler


def _emulator_path() -> str:
    path = shutil.which(EMULATOR)
    if path is None:
        raise DeployError(f"{EMULATOR} is not installed")
    return path


@cache
def _has_c_library(compiler_path: str, flags: tuple[str, ...]) -> bool:
    done = run_bounded([compiler_path, *flags, "-print-file-name=libc.a"], timeout=60.0)
    return Path(done.stdout.decode().strip()).is_absolute()  # a bare name when there is none


@cache
def _machines(emulator_path: str) -> frozenset[str]:
    done = run_bounded([emulator_path, "-M", "help"], timeout=60.0)
    return frozenset(line.split()[0] for line in done.stdout.decode().splitlines() if line.strip())
