"""The order in which kernels lie in flash: the order in which the C kernels read them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

BLOCK = 4
"""Filters, inputs or channels that are handled at once."""


def pointwise_order(kernel: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Weights `(filters, inputs)` in blocks of four filters; within one, four inputs of each filter at a time.

    Inputs that are left over come one at a time for all four filters, filters that are left over one by one.
    """
    filters, inputs = kernel.shape
    whole_filters, whole_inputs = filters - filters % BLOCK, inputs - inputs % BLOCK
    runs: list[npt.NDArray[np.int8]] = []
    for start in range(0, whole_filters, BLOCK):
        block = kernel[start : start + BLOCK]
        runs.append(block[:, :whole_inputs].reshape(BLOCK, -1, BLOCK).swapaxes(0, 1).reshape(-1))
        runs.append(block[:, whole_inputs:].T.reshape(-1))
    runs.append(kernel[whole_filters:].reshape(-1))
    return np.concatenate(runs)


def depthwise_order(kernel: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Weights `(taps, channels)` in blocks of four channels (the last may be smaller); within one, tap by tap."""
    return np.concatenate([block.reshape(-1) for block in _blocks(kernel)])


def _blocks(kernel: npt.NDArray[np.int8]) -> Iterator[npt.NDArray[np.int8]]:
    for start in range(0, kernel.shape[1], BLOCK):
        yield kernel[:, start : start + BLOCK]
