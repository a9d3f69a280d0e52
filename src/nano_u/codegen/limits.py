"""Sizes that the generated C can handle, checked before anything is planned."""

from __future__ import annotations

from nano_u.errors import DeployError
from nano_u.quantization import QuantizedGraph, QuantizedOp

LARGEST_SIDE = 4096
"""Rows, columns and channels: more than any microcontroller takes, and few enough to plan at once."""

LARGEST_ROW_BYTES = 2**20
LARGEST_WINDOW_SIDE = 1024
LARGEST_WINDOW_BYTES = 2**14
"""Of the pixels under a convolution's window, which are copied onto the stack."""

LARGEST_STATE_BYTES = 2**31 - 1
"""Offsets into it are C ints."""


def check_limits(graph: QuantizedGraph) -> None:
    """Raise DeployError, naming the layer, for a tensor or a window that is too large, or where nothing is computed."""
    if graph.output == graph.input:
        raise DeployError(f"the output is the input {graph.input!r} itself; there is nothing to compute")
    for tensor in graph.tensors:
        height, width, channels = tensor.shape
        if max(tensor.shape) > LARGEST_SIDE or width * channels > LARGEST_ROW_BYTES:
            raise DeployError(
                f"layer {tensor.name!r}: its output of {height}x{width}x{channels} is too large to stream; a side has "
                f"at most {LARGEST_SIDE} and a row at most {LARGEST_ROW_BYTES} values"
            )
    for op in graph.ops:
        _check_window(op, graph.by_name[op.inputs[0]].shape[2])


def check_state(state_bytes: int) -> None:
    """Raise DeployError for a state that is too large."""
    if state_bytes > LARGEST_STATE_BYTES:
        raise DeployError(
            f"the rows to keep take {state_bytes:,} bytes, and the C can address {LARGEST_STATE_BYTES:,}; "
            "use a smaller image or fewer channels"
        )


def _check_window(op: QuantizedOp, channels: int) -> None:
    height, width = op.window
    if max(op.window) > LARGEST_WINDOW_SIDE:
        raise DeployError(
            f"layer {op.output!r}: the window {height}x{width} of {op.kind} is too large to stream; a side has at most "
            f"{LARGEST_WINDOW_SIDE} pixels"
        )
    if op.weights is not None and height * width * channels > LARGEST_WINDOW_BYTES:
        raise DeployError(
            f"layer {op.output!r}: {op.kind} has {height * width * channels} values under its window, at most "
            f"{LARGEST_WINDOW_BYTES} can be streamed; use a smaller window"
        )
