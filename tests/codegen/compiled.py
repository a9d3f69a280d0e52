"""Generated C compiled into a library of this machine, several networks at a time, and called from Python."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nano_u.codegen import CSources, StreamingPlan, generate_c
from nano_u.quantization import QuantizedGraph, run_integer

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")

ROW_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int8))

# The instructions that <arm_acle.h> gives, in C, so that the packed path runs on any machine.
ARM_ACLE = """#include <stdint.h>
static inline int32_t half(int32_t word, int top) { return (int16_t)((uint32_t)word >> (16 * top)); }
static inline int32_t __sxtb16(int32_t word)
{
    const uint32_t low = (uint32_t)(int32_t)(int8_t)word & 0xffffu;
    const uint32_t high = (uint32_t)(int32_t)(int8_t)((uint32_t)word >> 16);
    return (int32_t)((high << 16) | low);
}
static inline int32_t __smlabb(int32_t a, int32_t b, int32_t sum) { return sum + half(a, 0) * half(b, 0); }
static inline int32_t __smlatt(int32_t a, int32_t b, int32_t sum) { return sum + half(a, 1) * half(b, 1); }
static inline int32_t __smlad(int32_t a, int32_t b, int32_t sum) { return __smlatt(a, b, __smlabb(a, b, sum)); }
"""
PACKED = ("-D__ARM_FEATURE_DSP=1", "-D__ARM_FEATURE_SIMD32=1")


@dataclass(frozen=True)
class Network:
    """One network of a library."""

    library: ctypes.CDLL
    plan: StreamingPlan
    name: str

    def run(self, images: np.ndarray) -> np.ndarray:
        """Outputs of `<name>_run`, one image after the other through one state full of other bytes."""
        state, results = self.new_state(), self.new_results(len(images))
        run = getattr(self.library, f"{self.name}_run")
        for image, result in zip(np.ascontiguousarray(images), results, strict=True):
            run(state, image.ctypes.data_as(ctypes.c_void_p), result.ctypes.data_as(ctypes.c_void_p))
        return results

    def stream(self, images: np.ndarray) -> tuple[np.ndarray, list[int]]:
        """Outputs of images pushed row after row without a pause, and how many result rows each push gave."""
        state = self.new_state()
        self.init(state)
        pushed = [self.push_row(state, row) for image in images for row in image]
        height = self.new_results(1).shape[1]
        numbers = [number for given in pushed for number, _ in given]
        assert numbers == [*range(height)] * len(images)
        values = [values for given in pushed for _, values in given]
        return np.concatenate(values).reshape(self.new_results(len(images)).shape), [len(given) for given in pushed]

    def init(self, state: ctypes.Array[ctypes.c_char]) -> None:
        getattr(self.library, f"{self.name}_init")(state)

    def push_row(self, state: ctypes.Array[ctypes.c_char], row: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Number and values of the result rows that one row of the image gives."""
        given: list[tuple[int, np.ndarray]] = []
        size = int(np.prod(self.new_results(1).shape[2:]))

        def keep(context: int, number: int, values: ctypes._Pointer[ctypes.c_int8]) -> None:
            given.append((number, np.ctypeslib.as_array(values, (size,)).copy()))

        row = np.ascontiguousarray(row)
        push = getattr(self.library, f"{self.name}_push_row")
        push(state, row.ctypes.data_as(ctypes.c_void_p), ROW_FUNCTION(keep), None)
        return given

    def new_state(self) -> ctypes.Array[ctypes.c_char]:
        state = ctypes.create_string_buffer(self.plan.memory.state_bytes)
        ctypes.memset(state, 0x5A, len(state))
        return state

    def new_results(self, count: int) -> np.ndarray:
        graph = self.plan.graph
        return np.empty((count, *graph.by_name[graph.output].shape), np.int8)


def compiler(name: str = "gcc") -> str:
    """The compiler, or a skip that names it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def write(sources: CSources, folder: Path) -> Path:
    (folder / f"{sources.name}.h").write_text(sources.header)
    path = folder / f"{sources.name}.c"
    path.write_text(sources.source)
    return path


def compile_plans(
    plans: Mapping[str, StreamingPlan], folder: Path, *flags: str, optimisation: str = "-O1"
) -> dict[str, Network]:
    """All plans in one library, warnings being errors."""
    paths = [write(generate_c(plan, name), folder) for name, plan in plans.items()]
    (folder / "arm_acle.h").write_text(ARM_ACLE)
    library = folder / "networks.so"
    command = [compiler(), *WARNINGS, optimisation, *flags, f"-I{folder}", "-shared", "-fPIC", *map(str, paths)]
    subprocess.run([*command, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    return {name: Network(loaded, plan, name) for name, plan in plans.items()}


def images_with_extremes(graph: QuantizedGraph, count: int, seed: int = 0) -> np.ndarray:
    """int8 noise over the whole range; the first two images are constant -128 and 127."""
    shape = graph.by_name[graph.input].shape
    images = np.random.default_rng(seed).integers(-128, 128, (count, *shape)).astype(np.int8)
    images[0], images[1] = -128, 127
    return images


def differing_bytes(network: Network, images: np.ndarray) -> int:
    """Bytes of the C's outputs that are not the integer reference's."""
    return int((network.run(images) != run_integer(network.plan.graph, images)).sum())


def assert_bit_equal(networks: Sequence[Network], count: int) -> None:
    differing = {
        network.name: differing_bytes(network, images_with_extremes(network.plan.graph, count)) for network in networks
    }
    assert {name: number for name, number in differing.items() if number} == {}
