from __future__ import annotations

import numpy as np
import pytest

from nano_u.codegen import generate_c, plan_streaming
from nano_u.codegen.requantization import requantization_of
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, run_integer
from nano_u.toolchain import host_build, host_compiler
from nano_u.toolchain.compilers import unsanitizable

LARGEST_PRODUCTS = 128 * (127 + 127)


def two_products(bias: int) -> QuantizedGraph:
    """Sums of two products and a bias, of which 2^30 becomes 11."""
    weights = QuantizedWeights(
        np.full((1, 1, 1, 2), 127, np.int8), np.full(1, 1e-8, np.float32), np.array([bias], np.int32)
    )
    tensors = (QuantizedTensor("image", (2, 2, 2), 0.1, 0), QuantizedTensor("sum", (2, 2, 1), 0.1, 0))
    return QuantizedGraph(tensors, (QuantizedOp("CONV_2D", ("image",), "sum", weights),), "sum")


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_are_common_as_long_as_twice_their_largest_fits_32_bits(sign: int) -> None:
    for largest, is_common in ((2**30 - 1, True), (2**30, False)):
        graph = two_products(sign * (largest - LARGEST_PRODUCTS))

        assert requantization_of(graph.ops[0], *graph.tensors).is_common is is_common


def test_sums_above_half_of_the_largest_int32_are_not_doubled() -> None:
    """With inputs of half the size they would stay below 2^30."""
    fault = unsanitizable(host_compiler(), "undefined")
    if fault is not None:
        pytest.skip(fault)
    graph = two_products(2**30 - 20_000)
    images = np.repeat(np.array([-128, -1, 0, 1, 127], np.int8), 8).reshape(5, 2, 2, 2)
    sources = generate_c(plan_streaming(graph), "net")

    with host_build(sources, optimisation="-O0", sanitizers="undefined") as build:
        outputs = build.run(images)

    np.testing.assert_array_equal(outputs, run_integer(graph, images))
    assert outputs.min() == 11
