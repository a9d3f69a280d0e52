from __future__ import annotations

import numpy as np
import pytest
from tests.quantization.random_graph import random_graph, random_images
from tests.quantization.runtimes import differing, reference_tensors

from nano_u.deploy import MicroModel, ReferenceModel, micro_available
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.errors import DeployError
from nano_u.quantization import (
    KINDS,
    Kind,
    QuantizedGraph,
    QuantizedOp,
    QuantizedTensor,
    QuantizedWeights,
    run_integer,
    run_integer_tensors,
)

GRAPHS_PER_TEST = 40
IN_MICRO = tuple(kind for kind in KINDS if kind != "LOGISTIC")  # its LOGISTIC is another one, see below
EVERY_VALUE = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)

needs_micro = pytest.mark.skipif(not micro_available(), reason="tflite-micro (the extra `mcu`) is not installed")


def one_op(op: QuantizedOp, source: QuantizedTensor, target: QuantizedTensor) -> QuantizedGraph:
    return QuantizedGraph((source, target), (op,), target.name)


def pixel(name: str, scale: float, zero_point: int) -> QuantizedTensor:
    """A tensor that holds every int8 value once."""
    return QuantizedTensor(name, (16, 16, 1), scale, zero_point)


def assert_equal_in_reference_kernels(seed: int, kinds: tuple[Kind, ...] = KINDS, length: int = 5) -> None:
    graph = random_graph(seed, kinds, length)
    images = random_images(graph, 3, seed)

    ours = run_integer_tensors(graph, images)

    assert differing(ours, reference_tensors(write_tflite(graph), images, graph)) == {}, f"seed {seed}"


@pytest.mark.parametrize("first", range(0, 5 * GRAPHS_PER_TEST, GRAPHS_PER_TEST))
def test_random_graphs_give_every_tensor_of_the_reference_kernels(first: int) -> None:
    for seed in range(first, first + GRAPHS_PER_TEST):
        assert_equal_in_reference_kernels(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_alone_equals_the_reference_kernel(kind: Kind) -> None:
    for seed in range(GRAPHS_PER_TEST):
        assert_equal_in_reference_kernels(seed, (kind,), length=1)


@needs_micro
def test_random_graphs_give_the_outputs_of_the_microcontroller() -> None:
    distinct = 0
    for seed in range(5 * GRAPHS_PER_TEST):
        graph = random_graph(seed, IN_MICRO)
        images = random_images(graph, 3, seed)

        outputs = run_integer(graph, images)

        assert np.array_equal(outputs, MicroModel(write_tflite(graph)).predict_int8(images)), f"seed {seed}"
        distinct += len(np.unique(outputs)) > 4
    assert distinct > 2 * GRAPHS_PER_TEST  # most of them compute something


@pytest.mark.slow
def test_many_random_graphs_equal_both_runtimes() -> None:
    for seed in range(1_000, 6_000):
        graph = random_graph(seed, IN_MICRO)
        images = random_images(graph, 3, seed)
        tflite = write_tflite(graph)

        ours = run_integer_tensors(graph, images)

        assert differing(ours, reference_tensors(tflite, images, graph)) == {}, f"seed {seed}"
        if micro_available():
            assert np.array_equal(ours[graph.output], MicroModel(tflite).predict_int8(images)), f"seed {seed}"


@pytest.mark.parametrize("kind", ["LOGISTIC", "QUANTIZE", "RELU"])
def test_every_int8_value_is_mapped_as_the_reference_kernel_maps_it(kind: Kind) -> None:
    random = np.random.default_rng(0)
    for scale, ratio in zip(np.exp(random.uniform(-8, 2, 60)), np.exp(random.uniform(-4, 4, 60)), strict=True):
        source = pixel("x", float(scale), int(random.integers(-128, 128)))
        target = pixel("y", float(scale * ratio), int(random.integers(-128, 128)))
        if kind == "LOGISTIC":
            target = pixel("y", 1 / 256, -128)
        graph = one_op(QuantizedOp(kind, ("x",), "y"), source, target)

        expected = ReferenceModel(write_tflite(graph), threads=1).predict_int8(EVERY_VALUE)

        assert np.array_equal(run_integer(graph, EVERY_VALUE), expected), (source, target)


@pytest.mark.parametrize(
    "scales", [(0.021398790180683136, 0.039174504578113556), (1.1544947624206543, 0.7735701203346252)]
)
def test_a_lone_relu_divides_scales_in_float32(scales: tuple[float, float]) -> None:
    """Scales of which the float64 quotient, which TensorFlow Lite Micro takes, rounds one value the other way."""
    graph = one_op(QuantizedOp("RELU", ("x",), "y"), pixel("x", scales[0], -128), pixel("y", scales[1], -128))
    tflite = write_tflite(graph)

    ours = run_integer(graph, EVERY_VALUE)

    assert np.array_equal(ours, ReferenceModel(tflite, threads=1).predict_int8(EVERY_VALUE))
    if micro_available():
        assert np.abs(ours - MicroModel(tflite).predict_int8(EVERY_VALUE).astype(int)).sum() == 1


@needs_micro
def test_logistic_in_the_microcontroller_is_at_most_one_step_away() -> None:
    """Another operator in which TensorFlow Lite Micro and LiteRT's reference kernel disagree, at rare scales."""
    graph = one_op(QuantizedOp("LOGISTIC", ("x",), "y"), pixel("x", 2.0718, -18), pixel("y", 1 / 256, -128))
    micro = MicroModel(write_tflite(graph)).predict_int8(EVERY_VALUE).astype(int)

    difference = np.abs(micro - run_integer(graph, EVERY_VALUE))

    assert difference.max() <= 1
    assert difference.sum() <= 3


@pytest.mark.parametrize("exponent", range(-36, 30, 3))
def test_accumulators_and_factors_at_their_limits_equal_the_reference_kernel(exponent: int) -> None:
    random = np.random.default_rng(exponent + 50)
    kernel = random.integers(-128, 128, (8, 1, 1, 1)).astype(np.int8)
    bias = random.integers(-(2**31), 2**31, 8).astype(np.int32)
    weights = QuantizedWeights(kernel, (random.uniform(0.5, 1, 8) * 2.0**exponent).astype(np.float32), bias)
    target = QuantizedTensor("y", (16, 16, 8), 1.0, int(random.integers(-128, 128)))
    graph = one_op(QuantizedOp("CONV_2D", ("x",), "y", weights=weights), pixel("x", 1.0, -128), target)

    expected = ReferenceModel(write_tflite(graph), threads=1).predict_int8(EVERY_VALUE)

    assert np.array_equal(run_integer(graph, EVERY_VALUE), expected)


@pytest.mark.parametrize("zero_point", [127, -128])
@pytest.mark.parametrize("bias", [2**31 - 1, 2**31 - 60, -(2**31), -(2**31) + 50])
def test_sums_that_leave_32_bits_wrap_around_as_in_the_kernel(bias: int, zero_point: int) -> None:
    """A factor just below 1 lets the sum, and then sum and zero point together, pass the limit."""
    ones = np.ones((1, 1, 1, 1), np.int8)
    weights = QuantizedWeights(ones, np.float32([1 - 2**-15]), np.asarray([bias], np.int64).astype(np.int32))
    op = QuantizedOp("CONV_2D", ("x",), "y", weights=weights)
    graph = one_op(op, pixel("x", 1 + 2**-15, -3), pixel("y", 1.0, zero_point))

    expected = ReferenceModel(write_tflite(graph), threads=1).predict_int8(EVERY_VALUE)

    assert np.array_equal(run_integer(graph, EVERY_VALUE), expected)


def test_outputs_do_not_depend_on_the_company_of_an_image() -> None:
    graph = random_graph(3)
    images = random_images(graph, 11)

    together = run_integer(graph, images)

    assert np.array_equal(together, np.concatenate([run_integer(graph, image[np.newaxis]) for image in images]))
    assert np.array_equal(together, run_integer_tensors(graph, images)[graph.output])
    assert run_integer(graph, images[:0]).shape == (0, *together.shape[1:])


def test_all_tensors_come_by_name_with_the_input_as_it_was_given() -> None:
    graph = random_graph(3)
    images = random_images(graph, 2)

    values = run_integer_tensors(graph, images)

    assert {name: array.shape[1:] for name, array in values.items()} == {
        tensor.name: tensor.shape for tensor in graph.tensors
    }
    assert np.array_equal(values["image"], random_images(graph, 2))
    assert {array.dtype for array in values.values()} == {np.dtype(np.int8)}


@pytest.mark.parametrize(
    "images", [np.zeros((1, 16, 16, 1), np.float32), np.zeros((1, 16, 15, 1), np.int8), np.zeros((16, 16, 1), np.int8)]
)
def test_other_images_are_refused(images: np.ndarray) -> None:
    graph = one_op(QuantizedOp("RELU", ("x",), "y"), pixel("x", 1, 0), pixel("y", 1, 0))

    with pytest.raises(DeployError, match=r"expected int8 images \(n, 16, 16, 1\), got"):
        run_integer(graph, images)
