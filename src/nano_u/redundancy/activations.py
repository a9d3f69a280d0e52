"""Redundancy of one array of activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from nano_u.redundancy.measure import measure_layer
from nano_u.redundancy.moments import GroupMoments, group_of_image
from nano_u.redundancy.record import Scalar


def compute_layer_redundancy(
    activations: Any, eps: float = 1e-6, *, linear_input: bool = False
) -> dict[str, Scalar | tuple[int, ...]]:
    """The fields of `LayerRedundancy` for `activations` `(batch, ..., channels)`, every pixel a sample.

    Args:
        activations: an array, or a tensor that NumPy can read, of rank 2 to 5 with the channels last.
        eps: share of the largest eigenvalue of the covariance up to which one counts as zero: for `rank`, and
            `condition_number` is at most 1 / eps. Never below channels * eps(float32), the rounding of activations.
        linear_input: a linear map over channels (a 1x1 or full convolution, a dense layer) reads the activations; only
            then `removable` and `keep` say which of them it could do without.

    Returns:
        `redundancy_score`, `condition_number`, `rank`, `num_channels` and the other fields (`keep` a tuple), without
        those of a monitored layer (`layer`, `mode`, `extra`, the correlation matrix). None = not defined.

    Raises:
        ValueError: another rank, no channels, or `eps` is not in [0, 1).
    """
    x = np.asarray(activations)
    if not 2 <= x.ndim <= 5:
        raise ValueError(f"activations must be (batch, ..., channels) of rank 2 to 5, got shape {x.shape}")
    if x.shape[-1] == 0:
        raise ValueError(f"activations have no channels: shape {x.shape}")
    if not 0 <= eps < 1:
        raise ValueError(f"eps must be in [0, 1), got {eps}")
    images = len(x)
    group_ids = group_of_image(np.arange(images), max(1, images))
    moments = GroupMoments.from_samples(x.reshape(images, -1 if x.size else 0, x.shape[-1]), group_ids)
    record = measure_layer(moments, layer="activations", mode="inference", linear_input=linear_input, tolerance=eps)
    row: dict[str, Any] = record.scalars() | {"keep": record.keep, "histogram": record.histogram}
    if record.status == "ok" and not linear_input:
        row["removable_reason"] = "not known to be read by a linear map; say so with linear_input=True"
    return {name: value for name, value in row.items() if name not in ("layer", "mode", "sampled_channels")}
