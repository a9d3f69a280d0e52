from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nano_u.errors import DeployError
from nano_u.quantization import KINDS, QuantizedOp, QuantizedTensor, QuantizedWeights
from nano_u.quantization.rules import check_op


def tensor(name: str, shape: tuple[int, int, int] = (4, 4, 2), scale: float = 1.0, zero_point: int = 0) -> Any:
    return QuantizedTensor(name, shape, scale, zero_point)


def weights(*shape: int, filters: int = 2, scale: float = 1.0) -> QuantizedWeights:
    return QuantizedWeights(np.ones(shape, np.int8), np.full(filters, scale), np.zeros(filters, np.int32))


def op(kind: str, *inputs: str, **fields: Any) -> QuantizedOp:
    return QuantizedOp(kind, inputs or ("x",), "layer", **fields)  # type: ignore[arg-type]


X, Y = tensor("x"), tensor("layer")
FINE = tensor("x", scale=2.0)

REFUSED = [
    (op("TANH"), [X], Y, f"is not known; the integer reference computes {', '.join(KINDS)}"),
    (op("ADD"), [X], Y, "reads 1 tensors, expected 2"),
    (op("RELU"), [X, X], Y, "reads 2 tensors, expected 1"),
    (op("CONCATENATION"), [], Y, "reads nothing"),
    (op("ADD", activation="tanh"), [X, X], Y, "has the activation 'tanh'; use 'none', 'relu' or 'relu6'"),
    (op("PAD", activation="relu"), [X], Y, "cannot apply relu to its result; put it into an operator of its own"),
    (op("MAX_POOL_2D", strides=(0, 1)), [X], Y, "has window (1, 1), strides (0, 1) and padding 'valid'"),
    (op("MAX_POOL_2D", padding="full"), [X], Y, "has window (1, 1), strides (1, 1) and padding 'full'"),
    (
        op("MAX_POOL_2D", strides=(2**15, 1)),
        *(
            [X],
            tensor("layer", (1, 4, 2)),
            "has window (1, 1) and strides (32768, 1); sides and strides are at most 32767",
        ),
    ),
    (
        op("MAX_POOL_2D", window=(1, 2**15)),
        *([X], Y, "has window (1, 32768) and strides (1, 1); sides and strides are at most 32767"),
    ),
    (
        op("PAD", margins=((2**30, 0), (0, 0))),
        *([X], tensor("layer", (2**30 + 4, 4, 2))),
        "has a tensor (1073741828, 4, 2); sides and channels are at most 32767",
    ),
    (
        op("RESIZE_BILINEAR"),
        *([tensor("x", (1, 4, 2))], tensor("layer", (55, 4, 2))),
        "cannot resize 1 pixels to 55; resize by less, or in two steps",
    ),
    (
        op("RESIZE_BILINEAR"),
        *([tensor("x", (4, 1, 2))], tensor("layer", (4, 55, 2))),
        "cannot resize 1 pixels to 55; resize by less, or in two steps",
    ),
    (op("PAD", margins=((0, -1), (0, 0))), [X], Y, "has the negative margins ((0, -1), (0, 0))"),
    (
        op("RESIZE_BILINEAR", align_corners=True, half_pixel_centers=True),
        *([X], Y, "cannot both align corners and take half-pixel centres"),
    ),
    (op("RELU", weights=weights(2, 1, 1, 2)), [X], Y, "has weights, which it cannot use"),
    (op("CONV_2D"), [X], Y, "has no weights"),
    (op("CONV_2D", weights=weights(2, 1, 1, 3)), [X], Y, "has a kernel (2, 1, 1, 3), expected (2, 1, 1, 2)"),
    (op("CONV_2D", weights=weights(2, 3, 3, 2)), [X], Y, "has a kernel (2, 3, 3, 2), expected (2, 1, 1, 2)"),
    (
        op("DEPTHWISE_CONV_2D", weights=weights(1, 1, 1, 3, filters=3)),
        *([X], Y, "has 3 filters over 2 channels, expected a multiple"),
    ),
    (op("ADD"), [X, tensor("z", (4, 4, 1))], Y, "adds (4, 4, 2) and (4, 4, 1); shapes must be equal"),
    (
        op("CONCATENATION"),
        *([X, tensor("z", (4, 5, 2))], Y, "joins (4, 4, 2), (4, 5, 2); heights and widths must be equal"),
    ),
    (op("CONCATENATION"), [X, X], Y, "gives (4, 4, 4), but its output is (4, 4, 2)"),
    (op("MAX_POOL_2D", strides=(2, 2)), [X], Y, "gives (2, 2, 2), but its output is (4, 4, 2)"),
    (op("MAX_POOL_2D", window=(5, 1)), [X], Y, "gives (0, 4, 2), but its output is (4, 4, 2)"),
    (op("PAD", margins=((1, 0), (0, 2))), [X], Y, "gives (5, 6, 2), but its output is (4, 4, 2)"),
    (op("RESIZE_BILINEAR"), [tensor("x", (2, 2, 3))], Y, "gives (4, 4, 3), but its output is (4, 4, 2)"),
    (op("RELU"), [tensor("x", (4, 4, 1))], Y, "gives (4, 4, 1), but its output is (4, 4, 2)"),
    *(
        (op(kind), [FINE], Y, "cannot rescale: 'x' must have the output's scale and zero point")
        for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "RELU6", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    ),
    (
        op("CONCATENATION"),
        [X, tensor("z", zero_point=1)],
        tensor("layer", (4, 4, 4)),
        "cannot rescale: 'z' must have the output's scale and zero point",
    ),
    (op("LOGISTIC"), [X], Y, "needs an output of scale 1/256 and zero point -128, got 1.0 and 0"),
    (op("ADD"), [X, X], tensor("layer", scale=2.0**-19), "has an output scale far too small for its inputs"),
    (op("QUANTIZE"), [X], tensor("layer", scale=2.0**-30), "multiplies by 1.07e+09; 32-bit kernels reach 2^30"),
    (
        op("CONV_2D", weights=weights(2, 1, 1, 2, scale=2.0**31)),
        *([X], Y, "multiplies by 2.15e+09; 32-bit kernels reach 2^30"),
    ),
]


@pytest.mark.parametrize(("refused", "sources", "target", "text"), REFUSED)
def test_what_the_kernels_cannot_compute_is_refused_in_one_line(
    refused: QuantizedOp, sources: list[QuantizedTensor], target: QuantizedTensor, text: str
) -> None:
    with pytest.raises(DeployError) as caught:
        check_op(refused, sources, target)

    assert str(caught.value) == f"layer 'layer': {refused.kind} {text}"


@pytest.mark.parametrize(
    ("accepted", "sources", "target"),
    [
        (op("ADD", activation="relu6"), [X, FINE], Y),
        (op("ADD"), [X, X], tensor("layer", scale=2.0**-18)),
        (op("QUANTIZE"), [X], tensor("layer", scale=2.0**-29)),
        (op("CONCATENATION"), [X, X, X], tensor("layer", (4, 4, 6))),
        (op("DEPTHWISE_CONV_2D", weights=weights(1, 1, 1, 4, filters=4)), [X], tensor("layer", (4, 4, 4))),
        (op("MAX_POOL_2D", window=(3, 2), strides=(2, 2), padding="valid"), [X], tensor("layer", (1, 2, 2))),
        (op("MAX_POOL_2D", window=(3, 2), strides=(3, 3), padding="same"), [X], tensor("layer", (2, 2, 2))),
        (op("RESIZE_NEAREST_NEIGHBOR"), [X], tensor("layer", (7, 1, 2))),
        (op("LOGISTIC"), [X], tensor("layer", scale=1 / 256, zero_point=-128)),
    ],
)
def test_what_the_kernels_compute_is_accepted(
    accepted: QuantizedOp, sources: list[QuantizedTensor], target: QuantizedTensor
) -> None:
    check_op(accepted, sources, target)
