"""Which channels to keep so that the others can be rebuilt linearly from them.

Column-pivoted Cholesky on the correlation matrix: each step keeps the channel that the kept ones explain least
(Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 10.3). Nothing is explained at the start,
so the first one kept is the channel that explains most of all the others: the choice must not hang on their order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESIDUAL_LIMIT = 0.05
"""Share of its variance that a dropped channel may lose."""

_ROUNDING = 1e-12  # a residual below it is zero, whatever it is multiplied by

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChannelSelection:
    """The channels kept, in the order in which they were chosen, and what they leave unexplained of every channel.

    `residuals` `(channels,)`: share of a channel's variance that the kept ones do not explain, corrected for the number
    of samples; 0 for the kept ones.
    """

    keep: tuple[int, ...]
    residuals: Array


def select_channels(
    correlation: Array, *, effective_samples: float = math.inf, limit: float = RESIDUAL_LIMIT
) -> ChannelSelection:
    """The fewest channels, chosen greedily, that leave every other one a residual variance of at most `limit`.

    `correlation` `(channels, channels)` holds live channels only. A regression on k channels fits noise too: residuals
    are multiplied by N / (N - k) with N = `effective_samples`.
    """
    channels = len(correlation)
    residuals = np.ones(channels)
    factor = np.empty((channels, channels))
    keep: list[int] = []
    for kept in range(channels):
        pivot = int(residuals.argmax() if kept else (correlation * correlation).sum(axis=0).argmax())
        largest = residuals.item(pivot)
        if kept and (largest <= _ROUNDING or largest * _inflation(effective_samples, kept) <= limit):
            break
        column = correlation[pivot] - factor[:, :kept] @ factor[pivot, :kept]
        column *= 1 / math.sqrt(largest)
        factor[:, kept] = column
        column *= column
        residuals -= column
        residuals[pivot] = -math.inf
        keep.append(pivot)
    residuals[residuals <= _ROUNDING] = 0
    if residuals.any():
        residuals *= _inflation(effective_samples, len(keep))
    return ChannelSelection(tuple(keep), residuals)


def least_residual(eigenvalues: Array, vectors: Array) -> float:
    """Smallest share of a channel's variance that all the others together leave unexplained.

    From the eigenvalues and eigenvectors of the correlation. No choice of channels to keep leaves less: above the limit
    nothing can be dropped, which spares most layers the search.
    """
    if eigenvalues[0] <= _ROUNDING * eigenvalues[-1]:
        return 0.0
    return float(1 / ((vectors * vectors) @ (1 / eigenvalues)).max())


def _inflation(effective_samples: float, kept: int) -> float:
    if math.isinf(effective_samples):
        return 1.0
    return effective_samples / (effective_samples - kept) if effective_samples > kept else math.inf
