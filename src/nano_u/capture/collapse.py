"""Activations averaged over space: what an image's channels are on the whole."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from nano_u.errors import ConfigError, ModelError

RANKS = range(2, 6)
"""`(batch, channels)` to `(batch, depth, height, width, channels)`."""


def collapse_spatial(x: Any, data_format: str | None = None) -> Any:
    """Mean over space of `(batch, ..., channels)`, or `(batch, channels, ...)` when channels come first.

    Args:
        x: a NumPy array, or an eager, graph or symbolic Keras tensor, of rank 2 to 5. `(batch, channels)` is returned
            as it is.
        data_format: "channels_last" or "channels_first"; by default Keras' own setting.

    Returns:
        `(batch, channels)` of the kind and floating-point type of `x`; NumPy arrays are summed in float64.

    Raises:
        ConfigError: an unknown `data_format`.
        ModelError: another rank.
    """
    layout = data_format or keras.config.image_data_format()
    if layout not in ("channels_last", "channels_first"):
        raise ConfigError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    rank = x.shape.rank if hasattr(x.shape, "rank") else len(x.shape)
    if rank not in RANKS:
        raise ModelError(f"activations must be (batch, ..., channels) of rank 2 to 5, got shape {x.shape}")
    if rank == 2:
        return x
    space = tuple(range(1, rank - 1) if layout == "channels_last" else range(2, rank))
    if isinstance(x, np.ndarray):
        return x.mean(axis=space, dtype=np.float64).astype(np.result_type(x, np.float16), copy=False)
    return keras.ops.mean(x, axis=space)


_collapse_spatial_to_channels = collapse_spatial
"""The name under which earlier scripts know it."""
