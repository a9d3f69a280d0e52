from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.codegen.compiled import (
    ARM_ACLE,
    PACKED,
    SANITIZERS,
    WARNINGS,
    compile_plans,
    compiler,
    differing_bytes,
    images_with_extremes,
    write,
)
from tests.codegen.networks import PUBLISHED, nano_u_graph
from tests.quantization.random_graph import random_graph, random_images

from nano_u.codegen import CSources, StreamingPlan, generate_c, plan_streaming
from nano_u.codegen.generate import multiply_accumulates
from nano_u.errors import DeployError
from nano_u.graph import nano_u, summarise
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, run_integer

SMALL = nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True)

HARNESS = """#include "{name}.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int8_t *of_exact_size(size_t size)
{{
    int8_t *bytes = malloc(size);
    memset(bytes, 0x5a, size);
    return bytes;
}}

static void emit(void *context, int row, const int8_t *values)
{{
    (void)context;
    (void)row;
    fwrite(values, {upper}_OUTPUT_WIDTH * {upper}_OUTPUT_CHANNELS, 1, stdout);
}}

int main(void)
{{
    const size_t size = {upper}_INPUT_WIDTH * {upper}_INPUT_CHANNELS;
    {name}_state *state = (void *)of_exact_size(sizeof *state);
    int8_t *row = of_exact_size(size);
    {name}_init(state);
    while (fread(row, 1, size, stdin) == size) {{
        {name}_push_row(state, row, emit, NULL);
    }}
    free(row);
    free(state);
    return 0;
}}
"""


def run_sanitized(plan: StreamingPlan, images: np.ndarray, folder: Path, *flags: str) -> np.ndarray:
    """Outputs of the images in a process that stops at the first address or undefined behaviour that is wrong."""
    sources = generate_c(plan, "net")
    main = folder / "main.c"
    main.write_text(HARNESS.format(name="net", upper="NET"))
    (folder / "arm_acle.h").write_text(ARM_ACLE)
    command = [
        compiler(),
        "-std=c99",
        "-O1",
        *SANITIZERS,
        *flags,
        f"-I{folder}",
        str(write(sources, folder)),
        str(main),
    ]
    subprocess.run([*command, "-o", str(folder / "net")], check=True)
    done = subprocess.run([folder / "net"], input=images.tobytes(), capture_output=True, check=True)
    shape = plan.graph.by_name[plan.graph.output].shape
    return np.frombuffer(done.stdout, np.int8).reshape(len(images), *shape)


@pytest.mark.parametrize("flags", [(), PACKED], ids=["portable", "packed"])
def test_sanitizers_find_nothing_in_a_network(flags: tuple[str, ...], tmp_path: Path) -> None:
    images = images_with_extremes(SMALL, 20)

    outputs = run_sanitized(plan_streaming(SMALL), images, tmp_path, *flags)

    np.testing.assert_array_equal(outputs, run_integer(SMALL, images))


@pytest.mark.parametrize("seed", range(8))
def test_sanitizers_find_nothing_in_random_graphs(seed: int, tmp_path: Path) -> None:
    graph = random_graph(seed, length=8)
    images = random_images(graph, 20)

    outputs = run_sanitized(plan_streaming(graph), images, tmp_path)

    np.testing.assert_array_equal(outputs, run_integer(graph, images))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 180))
def test_sanitizers_find_nothing_in_many_random_graphs(seed: int, tmp_path: Path) -> None:
    graph = random_graph(seed, length=8)
    images = images_with_extremes(graph, 100)

    outputs = run_sanitized(plan_streaming(graph), images, tmp_path)

    np.testing.assert_array_equal(outputs, run_integer(graph, images))


@pytest.mark.slow
@pytest.mark.parametrize(("options", "count"), [(PUBLISHED, 10_000), ({}, 200)], ids=["published", "default"])
def test_sanitizers_find_nothing_in_many_images(options: dict[str, Any], count: int, tmp_path: Path) -> None:
    graph = nano_u_graph(**options)
    images = images_with_extremes(graph, count)

    outputs = run_sanitized(plan_streaming(graph), images, tmp_path)

    np.testing.assert_array_equal(outputs, run_integer(graph, images))


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
    write(generate_c(plan_streaming(SMALL), "net"), tmp_path)
    source = tmp_path / "user.cpp"
    source.write_text('#include "net.h"\nint main() { static net_state s; net_init(&s); return 0; }\n')

    subprocess.run(
        [compiler("g++"), "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", str(source)], check=True, cwd=tmp_path
    )


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


def renamed(graph: QuantizedGraph, names: dict[str, str]) -> QuantizedGraph:
    """The graph with tensors under other names."""
    tensors = tuple(dataclasses.replace(tensor, name=names[tensor.name]) for tensor in graph.tensors)
    ops = tuple(
        dataclasses.replace(op, inputs=tuple(names[name] for name in op.inputs), output=names[op.output])
        for op in graph.ops
    )
    return QuantizedGraph(tensors, ops, names[graph.output])


HOSTILE = (
    "int",
    "*/ #error",
    "??/",
    "row",
    "rows",
    "a/b",
    "a_b",
    "a-b",
    "\n#error\n",
    "1st",
    "\\",
    '"',
    "output",
    "s",
    "",
    "ü",
)


def test_any_name_of_a_layer_compiles(tmp_path: Path) -> None:
    names = {
        tensor.name: HOSTILE[number] if number < len(HOSTILE) else "x" * 300 + str(number)
        for number, tensor in enumerate(SMALL.tensors)
    }
    graph = renamed(SMALL, names)

    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]

    assert differing_bytes(network, images_with_extremes(graph, 3)) == 0


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("Nano-U", "nano_u"), ("3rd net", "net_3rd_net"), ("a__b", "a_b"), ("_x_", "x"), ("String", "net_string")],
)
def test_a_models_name_becomes_a_prefix(name: str, identifier: str) -> None:
    sources = generate_c(plan_streaming(SMALL), name)

    assert sources.name == identifier
    assert f"#define {identifier.upper()}_STATE_BYTES" in sources.header
    assert f"void {identifier}_init({identifier}_state *s);" in sources.header


@pytest.mark.parametrize("name", ["", "--", "日本"])
def test_a_name_without_letters_is_refused(name: str) -> None:
    with pytest.raises(DeployError, match="cannot name C files; use letters"):
        generate_c(plan_streaming(SMALL), name)


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
    assert multiply_accumulates(nano_u_graph(**options)) == summarise(nano_u(**options)).macs


def test_no_line_of_a_networks_files_is_longer_than_a_screen() -> None:
    sources = generate_c(plan_streaming(nano_u_graph(skips=True)), "nano_u")

    assert max(map(len, (sources.header + sources.source).splitlines())) <= 120


def too_large(shape: tuple[int, int, int]) -> QuantizedGraph:
    tensors = (QuantizedTensor("image", (2, 2, 1), 0.1, 0), QuantizedTensor("grown", shape, 0.1, 0))
    return QuantizedGraph(tensors, (QuantizedOp("RESIZE_NEAREST_NEIGHBOR", ("image",), "grown"),), "grown")


def test_a_graph_that_gives_its_input_back_is_refused() -> None:
    with pytest.raises(DeployError, match="the output is the input 'input_image' itself"):
        plan_streaming(dataclasses.replace(SMALL, output=SMALL.input))


@pytest.mark.parametrize("shape", [(10**9, 2, 1), (2, 10**9, 1), (2, 4097, 1)])
def test_a_tensor_that_is_too_large_is_refused_by_name(shape: tuple[int, int, int]) -> None:
    with pytest.raises(DeployError, match=r"layer 'grown': its output of .* is too large to stream"):
        plan_streaming(too_large(shape))


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
