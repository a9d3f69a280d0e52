from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.codegen.compiled import (
    ARM_ACLE,
    PACKED,
    WARNINGS,
    compile_plans,
    compiler,
    differing_bytes,
    images_with_extremes,
    write,
)
from tests.codegen.networks import PUBLISHED, nano_u_graph
from tests.quantization.random_graph import random_graph

from nano_u.codegen import (
    CSources,
    generate_c,
    multiply_accumulates,
    plan_streaming,
    stage_multiply_accumulates,
)
from nano_u.errors import DeployError
from nano_u.graph import nano_u, summarise
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights

SMALL = nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True)


@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_compilers_have_nothing_to_say(name: str, tmp_path: Path) -> None:
    graphs = [SMALL, *(random_graph(seed, length=8) for seed in range(4))]
    paths = [write(generate_c(plan_streaming(graph), f"g{number}"), tmp_path) for number, graph in enumerate(graphs)]

    subprocess.run([compiler(name), *WARNINGS, "-O2", "-c", *map(str, paths)], check=True, cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3"])
def test_compilers_have_nothing_to_say_at_any_level(name: str, level: str, tmp_path: Path) -> None:
    graphs = [nano_u_graph(), nano_u_graph(skips=True), *(random_graph(seed, length=8) for seed in range(60))]
    paths = [write(generate_c(plan_streaming(graph), f"g{number}"), tmp_path) for number, graph in enumerate(graphs)]

    subprocess.run([compiler(name), *WARNINGS, level, "-c", *map(str, paths)], check=True, cwd=tmp_path)


def test_the_header_is_cpp_too(tmp_path: Path) -> None:
    """And its functions are found under the names that a C compiler gave them."""
    path = write(generate_c(plan_streaming(SMALL), "net"), tmp_path)
    source = tmp_path / "user.cpp"
    source.write_text('#include "net.h"\nint main() { static net_state s; net_init(&s); return 0; }\n')
    subprocess.run([compiler(), "-std=c99", "-c", str(path)], check=True, cwd=tmp_path)

    subprocess.run(
        [compiler("g++"), "-Wall", "-Wextra", "-pedantic", "-Werror", str(source), "net.o", "-o", "user"],
        check=True,
        cwd=tmp_path,
    )


@pytest.mark.parametrize("flags", [(), PACKED], ids=["portable", "packed"])
def test_the_source_is_cpp_too(flags: Sequence[str], tmp_path: Path) -> None:
    """A project that compiles everything as C++ can take it as it is."""
    graphs = [SMALL, *(random_graph(seed, length=8) for seed in range(8))]
    paths = [write(generate_c(plan_streaming(graph), f"g{number}"), tmp_path) for number, graph in enumerate(graphs)]
    (tmp_path / "arm_acle.h").write_text(ARM_ACLE)
    as_cpp = ("-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{tmp_path}")

    subprocess.run([compiler("g++"), *as_cpp, *flags, "-c", *map(str, paths)], check=True, cwd=tmp_path)


def test_nothing_is_kept_or_called_outside_of_the_state(tmp_path: Path) -> None:
    tool = shutil.which("nm")
    if tool is None:
        pytest.skip("nm is not installed")
    path = write(generate_c(plan_streaming(SMALL), "net"), tmp_path)
    subprocess.run([compiler(), "-std=c99", "-O2", "-fno-pic", "-c", str(path)], check=True, cwd=tmp_path)

    listed = subprocess.run([tool, "net.o"], check=True, cwd=tmp_path, capture_output=True, text=True).stdout

    symbols = [line.split()[-2:] for line in listed.splitlines()]
    assert {kind for kind, _ in symbols} <= {"T", "t", "r", "U"}
    assert {name for kind, name in symbols if kind == "T"} == {"net_init", "net_push_row", "net_run"}
    assert {name for kind, name in symbols if kind == "U"} <= {
        "memcpy",
        "memset",
        "__stack_chk_fail",
        "_GLOBAL_OFFSET_TABLE_",
    }


def test_the_plan_has_the_bytes_of_the_compiled_state(tmp_path: Path) -> None:
    plans = {f"g{seed}": plan_streaming(random_graph(seed, length=8)) for seed in range(12)}
    plans["net"] = plan_streaming(SMALL)
    calls = "".join(
        f'#include "{name}.h"\nsize_t size_of_{name}(void) {{ return sizeof({name}_state); }}\n' for name in plans
    )
    (tmp_path / "sizes.c").write_text(f"#include <stddef.h>\n{calls}")

    library = next(
        iter(compile_plans(plans, tmp_path, "-Wno-missing-prototypes", str(tmp_path / "sizes.c")).values())
    ).library

    for name, plan in plans.items():
        assert plan.memory.state_bytes == getattr(library, f"size_of_{name}")()


def test_buffers_and_counters_make_up_the_state() -> None:
    memory = plan_streaming(SMALL).memory

    assert [buffer.layer for buffer in memory.buffers][:2] == ["input_image", "encoder1_block1_pointwise"]
    assert memory.buffers[0].rows == 3
    assert memory.buffers[0].row_bytes == 48
    assert memory.state_bytes == 2 * memory.counters + sum(buffer.bytes for buffer in memory.buffers)


def test_constants_have_the_bytes_of_the_object_file(tmp_path: Path) -> None:
    """On a 32-bit target, where pointers have the four bytes that the plan counts."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    plan = plan_streaming(SMALL)
    path = write(generate_c(plan, "net"), tmp_path)
    flags = ("-mcpu=cortex-m4", "-mthumb", "-O0", "-fdata-sections", "-c")
    subprocess.run(["arm-none-eabi-gcc", *flags, str(path)], check=True, cwd=tmp_path)

    listed = subprocess.run(
        ["arm-none-eabi-nm", "-S", "net.o"], check=True, cwd=tmp_path, capture_output=True, text=True
    ).stdout

    sizes = [
        int(fields[1], 16) for fields in map(str.split, listed.splitlines()) if len(fields) == 4 and fields[2] == "r"
    ]
    assert sum(sizes) == plan.memory.constant_bytes


def test_the_same_plan_gives_the_same_text() -> None:
    assert generate_c(plan_streaming(SMALL), "net") == generate_c(plan_streaming(SMALL), "net")


def test_the_header_says_what_goes_in_and_out() -> None:
    header = generate_c(plan_streaming(nano_u_graph()), "net").header

    macros = dict(re.findall(r"#define (NET_\w+) (\S+)", header))
    assert macros["NET_INPUT_HEIGHT"] == "48"
    assert macros["NET_INPUT_WIDTH"] == "64"
    assert macros["NET_INPUT_CHANNELS"] == "3"
    assert np.float32(macros["NET_INPUT_SCALE"].rstrip("f")) == np.float32(1 / 255)
    assert macros["NET_INPUT_ZERO_POINT"] == "(-128)"
    assert macros["NET_OUTPUT_CHANNELS"] == "1"
    assert macros["NET_STATE_BYTES"] == "23190"
    assert macros["NET_MACS"] == "11074560"


@pytest.mark.parametrize("options", [{}, PUBLISHED, {"skips": True}])
def test_macs_are_those_of_the_estimate(options: dict[str, Any]) -> None:
    assert multiply_accumulates(plan_streaming(nano_u_graph(**options))) == summarise(nano_u(**options)).macs


def test_products_are_counted_by_stage_and_only_of_what_the_output_needs() -> None:
    first = SMALL.ops[2]  # a pool after two convolutions
    whole, early = plan_streaming(SMALL), plan_streaming(dataclasses.replace(SMALL, output=first.output))

    assert [len(stage.ops) for stage in early.layout.stages] == [3]
    assert stage_multiply_accumulates(early) == (16 * 16 * 3 * 9 + 16 * 16 * 3 * 4,)
    assert stage_multiply_accumulates(whole)[0] == multiply_accumulates(early) < multiply_accumulates(whole)


def test_products_of_rows_and_columns_that_a_pool_drops_are_not_counted() -> None:
    """15x15 pixels before a pool of 8x8: only 8x8 of them are computed, by the head and by what follows it."""
    sides = {"image": 15, "windows": 15, "points": 15, "pool": 1}
    tensors = tuple(QuantizedTensor(name, (side, side, 4), 0.1, 0) for name, side in sides.items())
    nine, four = (
        QuantizedWeights(np.ones(shape, np.int8), np.full(4, 0.01, np.float32), np.zeros(4, np.int32))
        for shape in ((1, 3, 3, 4), (4, 1, 1, 4))
    )
    ops = (
        QuantizedOp("DEPTHWISE_CONV_2D", ("image",), "windows", nine, (3, 3), padding="same"),
        QuantizedOp("CONV_2D", ("windows",), "points", four),
        QuantizedOp("MAX_POOL_2D", ("points",), "pool", window=(8, 8), strides=(8, 8)),
    )

    assert stage_multiply_accumulates(plan_streaming(QuantizedGraph(tensors, ops, "pool"))) == (8 * 8 * (36 + 16),)


def test_no_line_of_a_networks_files_is_longer_than_a_screen() -> None:
    sources = generate_c(plan_streaming(nano_u_graph(skips=True)), "nano_u")

    assert max(map(len, (sources.header + sources.source).splitlines())) <= 120


def too_large(shape: tuple[int, int, int]) -> QuantizedGraph:
    tensors = (QuantizedTensor("image", (2, 2, 1), 0.1, 0), QuantizedTensor("grown", shape, 0.1, 0))
    return QuantizedGraph(tensors, (QuantizedOp("RESIZE_NEAREST_NEIGHBOR", ("image",), "grown"),), "grown")


def test_a_graph_that_gives_its_input_back_is_refused() -> None:
    with pytest.raises(DeployError, match="the output is the input 'input_image' itself"):
        plan_streaming(dataclasses.replace(SMALL, output=SMALL.input))


@pytest.mark.parametrize("shape", [(32767, 2, 1), (2, 32767, 1), (2, 4097, 1)])
def test_a_tensor_that_is_too_large_is_refused_by_name(shape: tuple[int, int, int]) -> None:
    with pytest.raises(DeployError, match=r"layer 'grown': its output of .* is too large to stream"):
        plan_streaming(too_large(shape))


def test_a_state_that_c_cannot_address_is_refused() -> None:
    """The sum's first row needs the largest values of the whole image, so that all its rows are kept."""
    sides = {"image": 4096, "few": 4, "one": 1, "grown": 4096, "sum": 4096}
    tensors = tuple(QuantizedTensor(name, (side, side, 256), 0.1, 0) for name, side in sides.items())
    ops = (
        QuantizedOp("MAX_POOL_2D", ("image",), "few", window=(1024, 1024), strides=(1024, 1024)),
        QuantizedOp("MAX_POOL_2D", ("few",), "one", window=(4, 4), strides=(4, 4)),
        QuantizedOp("RESIZE_NEAREST_NEIGHBOR", ("one",), "grown"),
        QuantizedOp("ADD", ("image", "grown"), "sum"),
    )

    with pytest.raises(
        DeployError, match=r"the rows to keep take 4,29\d,.* bytes, and the C can address 2,147,483,647"
    ):
        plan_streaming(QuantizedGraph(tensors, ops, "sum"))


@pytest.mark.slow
def test_the_rows_of_an_image_of_four_gigabytes_are_found(tmp_path: Path) -> None:
    """Where rows times bytes exceeds an int. The image is never written, so that it takes no memory."""
    tensors = (QuantizedTensor("image", (4096, 1024, 1024), 0.1, 0), QuantizedTensor("corner", (1, 1, 1024), 0.1, 0))
    op = QuantizedOp("MAX_POOL_2D", ("image",), "corner", strides=(4096, 1024))
    path = write(generate_c(plan_streaming(QuantizedGraph(tensors, (op,), "corner")), "net"), tmp_path)
    main = tmp_path / "main.c"
    main.write_text(
        '#include "net.h"\n#include <stdlib.h>\nstatic net_state s;\nstatic int8_t corner[1024];\n'
        "int main(void)\n{\n    int8_t *image = calloc(4096, 1U << 20);\n"
        "    if (image == NULL) {\n        return 9;\n    }\n"
        "    net_run(&s, image, corner);\n    free(image);\n    return 0;\n}\n"
    )
    flags = ("-std=c99", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    subprocess.run([compiler(), *flags, str(path), str(main), "-o", "run"], check=True, cwd=tmp_path)

    code = subprocess.run([tmp_path / "run"], check=False).returncode
    if code == 9:
        pytest.skip("this machine gives no four gigabytes")
    assert code == 0


def test_a_pools_window_that_is_too_large_is_refused_by_name() -> None:
    tensors = (QuantizedTensor("image", (1025, 2, 1), 0.1, 0), QuantizedTensor("mean", (1, 1, 1), 0.1, 0))
    op = QuantizedOp("AVERAGE_POOL_2D", ("image",), "mean", window=(1025, 2))

    with pytest.raises(DeployError, match="layer 'mean': the window 1025x2 of AVERAGE_POOL_2D is too large"):
        plan_streaming(QuantizedGraph(tensors, (op,), "mean"))


def test_a_convolutions_window_that_is_too_large_is_refused_by_name() -> None:
    tensors = (QuantizedTensor("image", (129, 128, 1), 0.1, 0), QuantizedTensor("sum", (1, 1, 1), 0.1, 0))
    kernel = np.ones((1, 129, 128, 1), np.int8)
    weights = QuantizedWeights(kernel, np.ones(1, np.float32), np.zeros(1, np.int32))
    op = QuantizedOp("CONV_2D", ("image",), "sum", weights, window=(129, 128))

    with pytest.raises(DeployError, match="layer 'sum': CONV_2D has 16512 values under its window"):
        plan_streaming(QuantizedGraph(tensors, (op,), "sum"))


def test_a_global_pool_is_streamed(tmp_path: Path) -> None:
    tensors = (QuantizedTensor("image", (40, 30, 2), 0.1, 0), QuantizedTensor("mean", (1, 1, 2), 0.1, 0))
    op = QuantizedOp("AVERAGE_POOL_2D", ("image",), "mean", window=(40, 30))
    graph = QuantizedGraph(tensors, (op,), "mean")

    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]

    assert differing_bytes(network, images_with_extremes(graph, 10)) == 0


def test_sources_are_plain_ascii() -> None:
    sources: CSources = generate_c(plan_streaming(SMALL), "net")

    assert (sources.header + sources.source).isascii()
