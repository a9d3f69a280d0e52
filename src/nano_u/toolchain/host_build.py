"""A streaming network compiled for the machine at hand and fed row by row in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano_u.errors import DeployError
from nano_u.toolchain.bounded_process import run_bounded
from nano_u.toolchain.compilers import SANITIZER_OPTIONS, STRICT_FLAGS, Compiler, compile_in, host_compiler
from nano_u.toolchain.images import Shape, check_images, images_of
from nano_u.toolchain.sources import StreamingSources, write_sources

_SHAPES_BYTES = 24  # six int32 at the start of what the harness writes


@dataclass(frozen=True)
class HostBuild:
    """An executable of one network; shapes are (height, width, channels) as its header gives them."""

    executable: Path
    name: str
    compiler: Compiler
    input_shape: Shape
    output_shape: Shape

    def run(
        self, images: npt.NDArray[np.int8], *, whole_frames: bool = False, timeout: float = 120.0
    ) -> npt.NDArray[np.int8]:
        """int8 outputs `(n, height, width, channels)` of int8 images, all through one state.

        Images go in row by row; with `whole_frames` through `<name>_run` instead. Raises DeployError when they do not
        fit the network, and when the program crashes, is stopped by a sanitizer, emits rows out of order or gives no
        further image for `timeout` seconds.
        """
        check_images(images, self.input_shape)
        content = _execute(self.executable, images.tobytes(), "frames" if whole_frames else "rows", timeout)
        return images_of(content[_SHAPES_BYTES:], len(images), self.output_shape, self.executable.name)


@contextmanager
def host_build(
    sources: StreamingSources,
    *,
    compiler: Compiler | None = None,
    optimisation: str = "-O2",
    sanitizers: str = "",
    extra_flags: Sequence[str] = (),
) -> Iterator[HostBuild]:
    """The network compiled with warnings as errors, kept as long as the context lasts.

    `sanitizers` as in `-fsanitize=`: "address,undefined". Without a `compiler` the first one found is taken. Raises
    DeployError with the first line of the compiler's message when it fails, or when there is no compiler.
    """
    compiler = compiler or host_compiler()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        c_files = write_sources(sources, folder, ("on-host.c",))
        sanitizing = (f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", "-g") if sanitizers else ()
        flags = (*STRICT_FLAGS, optimisation, *sanitizing, *extra_flags)
        executable = folder / f"{sources.name}_on_the_host"
        compile_in(folder, compiler, [*flags, *c_files, "on-host.c", "-o", executable.name])
        shapes = np.frombuffer(_execute(executable, b"", "rows", timeout=60.0), np.int32).tolist()
        if len(shapes) != 6:
            raise DeployError(f"{executable.name} did not give its shapes")
        yield HostBuild(executable, sources.name, compiler, _shape(shapes[:3]), _shape(shapes[3:]))


def _execute(executable: Path, stdin: bytes, way: str, timeout: float) -> bytes:
    with tempfile.TemporaryDirectory(dir=executable.parent) as name:
        output = Path(name) / "outputs"
        command = [str(executable), way, str(output)]
        done = run_bounded(command, timeout=timeout, stdin=stdin, environment=SANITIZER_OPTIONS, output=output)
        if done.returncode != 0:
            raise DeployError(f"{executable.name} failed: {done.reason}")
        return output.read_bytes()


def _shape(sizes: Sequence[int]) -> Shape:
    height, width, channels = sizes
    return height, width, channels
