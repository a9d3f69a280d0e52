"""Which channels carry a signal at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DEAD_VARIANCE_SHARE = 1e-12
"""Of a channel's own mean square: a variance below it is rounding, not signal."""


def live_channels(
    variance: npt.NDArray[np.float64], mean: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.bool_]:
    """Mask `(channels,)` of the channels that vary; the rule looks at each channel alone.

    Without `mean` it is taken as zero, so that only channels without any variance are dead.
    """
    mean_square = variance if mean is None else mean**2 + variance
    return variance > DEAD_VARIANCE_SHARE * mean_square
