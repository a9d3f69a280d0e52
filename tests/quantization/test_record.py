from __future__ import annotations

import numpy as np
import pytest

from nano_u.errors import DeployError
from nano_u.quantization import QuantizedOp, QuantizedTensor, QuantizedWeights


def weights(**changes: np.ndarray) -> QuantizedWeights:
    fields = {
        "kernel": np.arange(6, dtype=np.int8).reshape(2, 1, 1, 3),
        "scales": np.asarray([0.5, 0.1]),
        "bias": np.asarray([7, -7], np.int32),
    }
    return QuantizedWeights(**{**fields, **changes})


def test_scales_are_held_as_files_hold_them() -> None:
    assert QuantizedTensor("x", (1, 1, 1), 0.1, 0).scale == float(np.float32(0.1)) != 0.1
    assert weights().scales.tolist() == [0.5, float(np.float32(0.1))]


def test_the_real_values_of_integers_count_steps_from_the_zero_point() -> None:
    real = QuantizedTensor("x", (1, 1, 1), 0.5, -128).real(np.array([-128, -127, 0, 127], np.int8))

    assert real.dtype == np.float32
    assert real.tolist() == [0.0, 0.5, 64.0, 127.5]


@pytest.mark.parametrize(
    ("shape", "scale", "zero_point", "text"),
    [
        ((1, 1, 1), 0.0, 0, "tensor 'x': scale must be a positive float32, got 0.0"),
        ((1, 1, 1), 1e-60, 0, "tensor 'x': scale must be a positive float32, got 0.0"),
        ((1, 1, 1), float("nan"), 0, "tensor 'x': scale must be a positive float32, got nan"),
        ((1, 1, 1), 1e60, 0, "tensor 'x': scale must be a positive float32, got inf"),
        ((1, 1, 1), 1.0, 128, "tensor 'x': zero point must be -128 to 127, got 128"),
        ((1, 0, 1), 1.0, 0, r"tensor 'x': expected \(height, width, channels\), got \(1, 0, 1\)"),
        ((4, 4), 1.0, 0, r"tensor 'x': expected \(height, width, channels\), got \(4, 4\)"),
    ],
)
def test_impossible_tensors_are_refused(shape: tuple[int, ...], scale: float, zero_point: int, text: str) -> None:
    with pytest.raises(DeployError, match=f"^{text}$"):
        QuantizedTensor("x", shape, scale, zero_point)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kernel": np.zeros((2, 1, 1, 3), np.int16)}, "kernel must be int8, got int16"),
        ({"kernel": np.zeros((2, 3), np.int8)}, r"kernel must have four axes, none of them empty, got \(2, 3\)"),
        ({"bias": np.zeros(2)}, "bias must be int32, got float64"),
        (
            {"bias": np.zeros(3, np.int32)},
            r"kernel scales and bias must hold one value per filter, got \(2,\) and \(3,\)",
        ),
        ({"scales": np.asarray([1.0, -1.0])}, "kernel scales must be positive and finite"),
        ({"scales": np.asarray([1.0, np.inf])}, "kernel scales must be positive and finite"),
    ],
)
def test_impossible_weights_are_refused(changes: dict[str, np.ndarray], text: str) -> None:
    with pytest.raises(DeployError, match=f"^{text}$"):
        weights(**changes)


def test_weights_are_equal_by_value() -> None:
    assert weights() == weights()
    assert weights() != weights(bias=np.asarray([7, -8], np.int32))
    assert weights() != weights(scales=np.asarray([0.5, 0.2]))
    assert weights() != weights(kernel=np.zeros((2, 1, 1, 3), np.int8))
    assert weights() != "weights"


def test_weights_are_a_copy_that_cannot_be_written_to() -> None:
    bias = np.asarray([7, -7], np.int32)
    held = weights(bias=bias)

    bias[0] = 0

    assert held.bias.tolist() == [7, -7]
    with pytest.raises(ValueError, match="read-only"):
        held.bias[0] = 0


def test_asking_for_weights_that_are_not_there_names_the_layer() -> None:
    with pytest.raises(DeployError, match=r"^layer 'pool': MAX_POOL_2D has no weights$"):
        _ = QuantizedOp("MAX_POOL_2D", ("x",), "pool").kernel
