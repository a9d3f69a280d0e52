"""Which path generated C takes on which processor: told by the instructions in the compiler's output."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.codegen.compiled import ARM_ACLE, WARNINGS, compiler, write
from tests.codegen.compiled import PACKED as PACKED_HERE
from tests.codegen.networks import nano_u_graph

from nano_u.codegen import generate_c, plan_streaming

SMALL = nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True)
PACKED = {"smlad", "smlabb", "smlatt", "sxtb16"}

GCC, CLANG = "arm-none-eabi-gcc", "clang"
TARGETS = {GCC: (), CLANG: ("--target=arm-none-eabi", "-mfloat-abi=soft")}

HEADERS = {
    "string.h": (
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n"
    ),
    "arm_acle.h": "#error GCC before version 10 lacks some of its functions\n",
}
"""So that no C library is needed, and no intrinsic is used."""

CASES = [
    pytest.param(("-mcpu=cortex-m4", "-mthumb"), True, id="m4"),
    pytest.param(("-mcpu=cortex-m7", "-mthumb"), True, id="m7"),
    pytest.param(("-mcpu=cortex-m33", "-mthumb"), True, id="m33"),
    pytest.param(("-mcpu=cortex-a7", "-marm"), True, id="a7"),
    pytest.param(("-mcpu=arm1176jz-s", "-marm"), True, id="arm11"),
    pytest.param(("-mcpu=arm1176jz-s", "-mthumb"), False, id="arm11_thumb1"),
    pytest.param(("-mcpu=arm926ej-s", "-marm"), False, id="arm9"),
    pytest.param(("-mcpu=cortex-m0plus", "-mthumb"), False, id="m0plus"),
    pytest.param(("-mcpu=cortex-m3", "-mthumb"), False, id="m3"),
    pytest.param(("-mcpu=cortex-m33+nodsp", "-mthumb"), False, id="m33_without_dsp"),
    pytest.param(("-mcpu=cortex-m4", "-mthumb", "-DNET_PORTABLE"), False, id="m4_portable"),
]


def assembly(name: str, flags: tuple[str, ...], folder: Path) -> str:
    for header, text in HEADERS.items():
        (folder / header).write_text(text)
    path = write(generate_c(plan_streaming(SMALL), "net"), folder)
    command = [compiler(name), *TARGETS[name], *flags, *WARNINGS, "-ffreestanding", "-O2", f"-I{folder}", "-S"]
    done = subprocess.run(
        [*command, str(path), "-o", str(folder / "net.s")], capture_output=True, text=True, check=False
    )
    if "nable to create target" in done.stderr:
        pytest.skip(f"{name} knows no Arm processors")
    assert done.returncode == 0, done.stderr
    return (folder / "net.s").read_text()


@pytest.mark.parametrize("name", [GCC, CLANG])
@pytest.mark.parametrize(("flags", "is_packed"), CASES)
def test_packed_multiplication_is_used_where_the_processor_has_it(
    name: str, flags: tuple[str, ...], is_packed: bool, tmp_path: Path
) -> None:
    words = set(assembly(name, flags, tmp_path).split())

    assert words & {"smlad", "sxtb16"} == (PACKED & {"smlad", "sxtb16"} if is_packed else set())
    assert not is_packed or words >= PACKED


def test_intrinsics_are_used_by_compilers_without_gccs_assembly(tmp_path: Path) -> None:
    """As on this machine, where a header that stands in for the compiler's own lets the packed path run."""
    (tmp_path / "arm_acle.h").write_text(ARM_ACLE)
    path = write(generate_c(plan_streaming(SMALL), "net"), tmp_path)

    done = subprocess.run(
        [compiler(), *PACKED_HERE, f"-I{tmp_path}", "-E", str(path)], capture_output=True, text=True, check=True
    )

    assert "return __smlad(one, other, sum);" in done.stdout
    assert "__asm__" not in done.stdout.partition("net_right_shift")[2]


def test_a_processor_whose_int_has_16_bits_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "limits.h").write_text("#define INT_MAX 32767\n")
    path = write(generate_c(plan_streaming(SMALL), "net"), tmp_path)

    done = subprocess.run(
        [compiler(), f"-I{tmp_path}", "-c", str(path), "-o", str(tmp_path / "net.o")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "net counts in int and needs 32 bits of it; this processor's int has fewer" in done.stderr
