"""Moments of every monitored layer -> what one logged step says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from nano_u.capture.moment_store import Slot
from nano_u.redundancy import GroupMoments, LayerRedundancy, Mode, measure_layer

ExtraMetrics = Mapping[str, Callable[[np.ndarray], float]]
"""Name -> function of the `(channels, channels)` population covariance."""


def score_layers(
    moments: Iterable[tuple[Slot, GroupMoments]], *, mode: Mode, extra_metrics: ExtraMetrics | None = None
) -> tuple[LayerRedundancy, ...]:
    """One record per layer, in network order."""
    return tuple(
        measure_layer(
            found,
            layer=slot.name,
            mode=mode,
            linear_input=slot.linear_input,
            reads=slot.reads,
            num_channels=slot.num_channels,
            channels=slot.channels,
            extra_metrics=extra_metrics,
        )
        for slot, found in moments
    )
