from __future__ import annotations

import numpy as np
import pytest

from nano_u.codegen.axis import (
    NOWHERE,
    affine_form,
    identity,
    through_margins,
    through_nearest,
    windows,
)
from nano_u.codegen.weight_order import depthwise_order, pointwise_order
from nano_u.quantization import QuantizedOp


def test_margins_and_resizes_compose() -> None:
    nearest = QuantizedOp("RESIZE_NEAREST_NEIGHBOR", ("a",), "b", half_pixel_centers=True)

    shown = through_nearest(through_margins(identity(3), 1, 0), nearest, 8)

    assert shown == (NOWHERE, NOWHERE, 0, 0, 1, 1, 2, 2)


def test_windows_of_same_padding_reach_over_both_sides() -> None:
    op = QuantizedOp("CONV_2D", ("a",), "b", window=(3, 1), strides=(2, 1), padding="same")

    assert windows(op, 0, 5, 3) == ((NOWHERE, 0, 1), (1, 2, 3), (3, 4, NOWHERE))


@pytest.mark.parametrize(
    ("indices", "form"),
    [
        (range(7), (1, 0, 1)),
        ([0, 0, 1, 1, 2, 2], (1, 0, 2)),
        ([0, 2, 4], (2, 0, 1)),
        ([0, 1, 1, 2], (1, 1, 2)),
        ([0, 0, 1, 2, 2, 3], (2, 0, 3)),
        ([3], (1, 3, 1)),
        ([0, 5, 6], None),
    ],
)
def test_affine_forms_are_found_where_there_are_any(indices: list[int], form: tuple[int, int, int] | None) -> None:
    assert affine_form(list(indices)) == form


def test_affine_forms_give_the_indices_back() -> None:
    for by in range(1, 9):
        for times in range(1, 9):
            for plus in range(by):
                indices = [(i * times + plus) // by for i in range(20)]

                found = affine_form(indices)

                assert found is not None
                assert [(i * found[0] + found[1]) // found[2] for i in range(20)] == indices


def test_pointwise_weights_come_four_inputs_of_four_filters_at_a_time() -> None:
    kernel = np.arange(5 * 6, dtype=np.int8).reshape(5, 6)

    order = pointwise_order(kernel).tolist()

    assert order == [
        *(0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21),
        *(4, 10, 16, 22, 5, 11, 17, 23),
        *range(24, 30),
    ]


def test_depthwise_weights_come_four_channels_of_each_tap_at_a_time() -> None:
    kernel = np.arange(2 * 5, dtype=np.int8).reshape(2, 5)

    assert depthwise_order(kernel).tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 4, 9]
