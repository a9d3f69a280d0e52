"""Closed forms; equality with the runtimes' own kernels is in `test_integer_reference.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights, run_integer
from nano_u.quantization.activation_range import activation_range
from nano_u.quantization.sliding_window import margins, window_count


def run(op: QuantizedOp, image: Any, target_shape: tuple[int, int, int], **target: Any) -> np.ndarray:
    """The operator's output for one image `(height, width, channels)` of scale 1, zero point 0 unless told."""
    image = np.asarray(image, np.int8)
    source = QuantizedTensor("x", image.shape, target.pop("source_scale", 1.0), target.pop("source_zero", 0))
    output = QuantizedTensor(
        "y", target_shape, target.get("scale", source.scale), target.get("zero", source.zero_point)
    )
    return run_integer(QuantizedGraph((source, output), (op,), "y"), image[np.newaxis])[0]


def column(*values: int) -> np.ndarray:
    return np.asarray(values, np.int8).reshape(-1, 1, 1)


def test_a_convolution_is_the_sum_over_its_window_at_the_output_scale() -> None:
    random = np.random.default_rng(0)
    image = random.integers(-128, 128, (6, 5, 3))
    kernel = random.integers(-127, 128, (4, 3, 2, 3)).astype(np.int8)
    weights = QuantizedWeights(kernel, np.full(4, 2.0**-10), np.asarray([0, 100, -5000, 77], np.int32))
    op = QuantizedOp("CONV_2D", ("x",), "y", weights=weights, window=(3, 2), strides=(2, 1), padding="same")

    result = run(op, image, (3, 5, 4), source_zero=-7, zero=3, scale=1.0)

    offsets = np.pad(image + 7, [(0, 1), (0, 1), (0, 0)])
    for row, col, filter_ in np.ndindex(3, 5, 4):
        window = offsets[2 * row : 2 * row + 3, col : col + 2]
        exact = (np.sum(window * kernel[filter_].astype(int)) + int(weights.bias[filter_])) / 1024 + 3
        assert abs(result[row, col, filter_] - np.clip(exact, -128, 127)) <= 0.5 + 1 / 1024


def test_a_depthwise_filter_reads_its_own_channel_alone() -> None:
    image = np.asarray([[[1, 10]]])
    weights = QuantizedWeights(np.asarray([[[[1, 2, 3, 4]]]], np.int8), np.ones(4), np.asarray([0, 0, 0, 5], np.int32))
    op = QuantizedOp("DEPTHWISE_CONV_2D", ("x",), "y", weights=weights)

    assert run(op, image, (1, 1, 4)).tolist() == [[[1, 2, 30, 45]]]


@pytest.mark.parametrize(
    ("values", "mean"), [((1, 2), 2), ((-1, -2), -2), ((0, 1), 1), ((0, -1), -1), ((3, 3), 3), ((-128, -127), -128)]
)
def test_means_are_rounded_half_away_from_zero(values: tuple[int, int], mean: int) -> None:
    op = QuantizedOp("AVERAGE_POOL_2D", ("x",), "y", window=(2, 1))

    assert run(op, column(*values), (1, 1, 1)).tolist() == [[[mean]]]


def test_margins_count_in_no_pool() -> None:
    pool: dict[str, Any] = {"window": (2, 1), "strides": (2, 1), "padding": "same"}

    mean = run(QuantizedOp("AVERAGE_POOL_2D", ("x",), "y", **pool), column(2, 4, -7), (2, 1, 1))
    largest = run(QuantizedOp("MAX_POOL_2D", ("x",), "y", **pool), column(2, 4, -7), (2, 1, 1))

    assert mean.ravel().tolist() == [3, -7]
    assert largest.ravel().tolist() == [4, -7]


def test_an_addition_is_of_real_values() -> None:
    x = QuantizedTensor("x", (1, 1, 3), 0.5, 10)
    half, total = QuantizedTensor("half", (1, 1, 3), 0.25, -20), QuantizedTensor("sum", (1, 1, 3), 1.0, 1)
    ops = (QuantizedOp("QUANTIZE", ("x",), "half"), QuantizedOp("ADD", ("x", "half"), "sum"))
    graph = QuantizedGraph((x, half, total), ops, "sum")

    result = run_integer(graph, np.asarray([[[[10, 14, 0]]]], np.int8))

    # Reals 0, 2, -5; doubled 0, 4, -10; the zero point is 1.
    assert result.ravel().tolist() == [1, 5, -9]


def test_nearest_enlarging_repeats_pixels() -> None:
    op = QuantizedOp("RESIZE_NEAREST_NEIGHBOR", ("x",), "y")

    assert run(op, column(5, -6), (6, 2, 1))[:, :, 0].tolist() == [[5, 5]] * 3 + [[-6, -6]] * 3


def test_bilinear_enlarging_walks_in_equal_steps() -> None:
    aligned = QuantizedOp("RESIZE_BILINEAR", ("x",), "y", align_corners=True)

    assert run(aligned, column(0, 100), (5, 1, 1)).ravel().tolist() == [0, 25, 50, 75, 100]


def test_padding_is_real_zero() -> None:
    op = QuantizedOp("PAD", ("x",), "y", margins=((2, 0), (0, 1)))

    padded = run(op, column(7), (3, 2, 1), source_zero=-9)

    assert padded[:, :, 0].tolist() == [[-9, -9], [-9, -9], [7, -9]]


def test_a_sigmoid_of_zero_is_a_half_and_of_much_saturates() -> None:
    op = QuantizedOp("LOGISTIC", ("x",), "y")

    result = run(op, column(-128, 0, 127), (3, 1, 1), scale=1 / 256, zero=-128)

    assert result.ravel().tolist() == [-128, 0, 127]


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("none", 1.0, 5, (-128, 127)),
        ("relu", 1.0, 5, (5, 127)),
        ("relu6", 1.0, 5, (5, 11)),
        ("relu6", 4.0, -128, (-128, -126)),  # 1.5 steps are rounded to 2
        ("relu6", 0.01, -128, (-128, 127)),
    ],
)
def test_activations_clip_at_real_zero_and_six(
    activation: Any, scale: float, zero_point: int, expected: tuple[int, int]
) -> None:
    assert activation_range(activation, QuantizedTensor("y", (1, 1, 1), scale, zero_point)) == expected


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "count", "around"),
    [
        (6, 3, 1, "same", 6, (1, 1)),
        (6, 3, 2, "same", 3, (0, 1)),
        (5, 3, 2, "same", 3, (1, 1)),
        (5, 2, 1, "same", 5, (0, 1)),
        (5, 1, 3, "same", 2, (0, 0)),
        (5, 3, 2, "valid", 2, (0, 0)),
        (6, 3, 2, "valid", 2, (0, 0)),
        (2, 3, 1, "valid", 0, (0, 0)),
    ],
)
def test_windows_stand_where_tensorflow_puts_them(
    size: int, window: int, stride: int, padding: Any, count: int, around: tuple[int, int]
) -> None:
    assert window_count(size, window, stride, padding) == count
    assert margins(size, window, stride, padding) == around
