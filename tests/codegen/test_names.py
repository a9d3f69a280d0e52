from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.codegen.compiled import assert_bit_equal, compile_plans, compiler, differing_bytes, images_with_extremes
from tests.codegen.networks import nano_u_graph
from tests.codegen.renaming import renamed

from nano_u.codegen import generate_c, plan_streaming
from nano_u.codegen.constants import Constants
from nano_u.codegen.identifiers import LONGEST, OWN_WORDS, layer_identifiers, model_identifier
from nano_u.codegen.system_headers import SYSTEM_HEADERS
from nano_u.errors import DeployError
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights

SMALL = nano_u_graph(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True)

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

# fmt: off
STANDARD = (
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math", "setjmp",
    "signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string", "tgmath", "time", "wchar", "wctype",
)
# fmt: on


def tensor(name: str, height: int, width: int, channels: int) -> QuantizedTensor:
    return QuantizedTensor(name, (height, width, channels), 0.05, 0)


def depthwise(name: str, source: str, channels: int) -> QuantizedOp:
    kernel = np.random.default_rng(0).integers(-127, 128, (1, 3, 3, channels)).astype(np.int8)
    weights = QuantizedWeights(kernel, np.full(channels, 0.004, np.float32), np.zeros(channels, np.int32))
    return QuantizedOp("DEPTHWISE_CONV_2D", (source,), name, weights, (3, 3), padding="same")


def resized(kind: str, name: str, source: str) -> QuantizedOp:
    return QuantizedOp(kind, (source,), name, half_pixel_centers=True)  # type: ignore[arg-type]


def resized_twice(kind: str, first: str, second: str) -> QuantizedGraph:
    """Both resizes need tables; the first reads two tensors, and so has two sets of them."""
    return QuantizedGraph(
        (
            tensor("image", 13, 29, 2),
            tensor("depthwise_conv2d", 13, 29, 2),
            tensor("concatenate", 13, 29, 4),
            tensor(first, 24, 46, 4),
            tensor("depthwise_conv2d_1", 24, 46, 4),
            tensor(second, 47, 60, 4),
            tensor("depthwise_conv2d_2", 47, 60, 4),
        ),
        (
            depthwise("depthwise_conv2d", "image", 2),
            QuantizedOp("CONCATENATION", ("image", "depthwise_conv2d"), "concatenate"),
            resized(kind, first, "concatenate"),
            depthwise("depthwise_conv2d_1", first, 4),
            resized(kind, second, "depthwise_conv2d_1"),
            depthwise("depthwise_conv2d_2", second, 4),
        ),
        "depthwise_conv2d_2",
    )


def concatenated_twice(first: str, second: str) -> QuantizedGraph:
    """The weights of both depthwise convolutions are cut where their inputs were joined."""
    return QuantizedGraph(
        (
            tensor("image", 6, 6, 2),
            tensor("twin", 6, 6, 2),
            tensor("four", 6, 6, 4),
            tensor(first, 6, 6, 4),
            tensor("six", 6, 6, 6),
            tensor(second, 6, 6, 6),
        ),
        (
            depthwise("twin", "image", 2),
            QuantizedOp("CONCATENATION", ("image", "twin"), "four"),
            depthwise(first, "four", 4),
            QuantizedOp("CONCATENATION", (first, "twin"), "six"),
            depthwise(second, "six", 6),
        ),
        second,
    )


def test_names_that_keras_gives_by_itself_are_told_apart(tmp_path: Path) -> None:
    names = ("up_sampling2d", "up_sampling2d_1")
    graphs = {
        "bilinear": resized_twice("RESIZE_BILINEAR", *names),
        "nearest": resized_twice("RESIZE_NEAREST_NEIGHBOR", *names),
        "twice": concatenated_twice("x", "x_from_2"),
        "back": concatenated_twice("x_from_4", "x"),
        "numbered": concatenated_twice("x_1", "x"),
    }

    networks = compile_plans({name: plan_streaming(graph) for name, graph in graphs.items()}, tmp_path)

    assert_bit_equal(list(networks.values()), 20)


def test_any_name_of_a_layer_compiles(tmp_path: Path) -> None:
    names = {
        one.name: HOSTILE[number] if number < len(HOSTILE) else "x" * 300 + str(number)
        for number, one in enumerate(SMALL.tensors)
    }
    graph = renamed(SMALL, names)

    network = compile_plans({"net": plan_streaming(graph)}, tmp_path)["net"]

    assert differing_bytes(network, images_with_extremes(graph, 3)) == 0


def test_two_tables_under_one_name_are_refused() -> None:
    constants = Constants()
    constants.array("rows_of_x", "int16_t", [1, 2])
    constants.array("rows_of_x", "int16_t", [1, 2])

    with pytest.raises(DeployError, match="two tables of the C would both be called rows_of_x; rename one"):
        constants.array("rows_of_x", "int16_t", [1, 3])


def test_identifiers_of_layers_differ_and_leave_two_underscores_free() -> None:
    names = ["x", "x!", "x_2", "x__2", "_x_", "", "layer", "!", "y" * 60, "y" * 61, "y" * 39 + "_" * 20 + "z", "a__b"]

    identifiers = layer_identifiers(names)

    assert len(set(identifiers.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", identifier) for identifier in identifiers.values())
    assert max(map(len, identifiers.values())) <= LONGEST


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Nano-U", "nano_u"),
        ("3rd net", "net_3rd_net"),
        ("a__b", "a_b"),
        ("_x_", "x"),
        ("String", "net_string"),
        ("Arduino", "net_arduino"),
        ("features", "net_features"),
        ("stage", "net_stage"),
        ("stage-x", "net_stage_x"),
        ("stages", "stages"),
    ],
)
def test_a_models_name_becomes_a_prefix(name: str, identifier: str) -> None:
    sources = generate_c(plan_streaming(SMALL), name)

    assert sources.name == identifier
    assert f"#define {identifier.upper()}_STATE_BYTES" in sources.header
    assert f"void {identifier}_init({identifier}_state *s);" in sources.header


def test_long_names_of_models_stay_different() -> None:
    names = [f"terrain_segmentation_for_the_rover_of_2026_run_{number:04}" for number in range(3)]

    identifiers = {model_identifier(name) for name in names}

    assert len(identifiers) == 3
    assert max(map(len, identifiers)) <= LONGEST
    assert all(identifier.startswith("terrain_segmentation_for_the_rover") for identifier in identifiers)


@pytest.mark.parametrize("name", ["", "--", "日本"])
def test_a_name_without_letters_is_refused(name: str) -> None:
    with pytest.raises(DeployError, match="cannot name C files; use letters"):
        generate_c(plan_streaming(SMALL), name)


def test_no_model_takes_the_names_that_its_own_file_needs(tmp_path: Path) -> None:
    """Layers called as the model's functions end, in models called as the file's own names begin."""
    endings = ("init", "run", "state", "row_fn", "push_row", "x")
    names = {
        one.name: endings[number] if number < len(endings) else one.name for number, one in enumerate(SMALL.tensors)
    }
    plan = plan_streaming(renamed(SMALL, names))
    models = [f"{word}{more}" for word in sorted(OWN_WORDS) for more in ("", "_x", "_of")]

    networks = compile_plans({model_identifier(model): plan for model in models}, tmp_path, optimisation="-O0")

    assert {differing_bytes(network, images_with_extremes(SMALL, 2)) for network in networks.values()} == {0}


@pytest.mark.parametrize("name", ["gcc", "arm-none-eabi-gcc"])
def test_no_header_that_standard_ones_include_can_be_hidden(name: str, tmp_path: Path) -> None:
    source = tmp_path / "all.c"
    source.write_text("".join(f"#include <{header}.h>\n" for header in STANDARD))

    done = subprocess.run(
        [compiler(name), "-std=gnu99", "-M", str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"{name} has no C library")
    headers = [Path(path) for path in done.stdout.split() if path.endswith(".h")]
    stems = {header.stem for header in headers if header.parent.name in ("include", "newlib")}
    assert {"stdio", "string"} <= stems
    assert {stem for stem in stems if model_identifier(stem) == stem} == set()


def test_system_headers_are_spelled_as_identifiers_are() -> None:
    assert {name for name in SYSTEM_HEADERS if not re.fullmatch("[a-z][a-z0-9_]*", name)} == set()
