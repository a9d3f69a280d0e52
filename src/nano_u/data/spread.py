"""A few of many, spread evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def spread_indices(length: int, count: int) -> npt.NDArray[np.intp]:
    """`count` of the indices below `length`, evenly from the first to the last; all of them where there are fewer."""
    return np.linspace(0, length - 1, min(count, length)).astype(np.intp)
