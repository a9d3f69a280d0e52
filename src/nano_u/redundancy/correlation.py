"""Correlation of channels, and its summary over pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

HISTOGRAM_BINS = 20
"""Of abs(r): equal bins over [0, 1], the last one closed."""

Array = npt.NDArray[np.float64]


def correlation_matrix(covariance: Array) -> Array:
    """Correlation `(channels, channels)` of a covariance whose channels all vary; entries in [-1, 1], diagonal 1."""
    scale = 1 / np.sqrt(np.diagonal(covariance))
    correlation = covariance * scale[:, None] * scale
    np.clip(correlation, -1, 1, out=correlation)
    np.fill_diagonal(correlation, 1)
    return correlation


@dataclass(frozen=True)
class CorrelationSummary:
    """Mean, standard deviation and maximum of abs(r) over distinct pairs, in [0, 1], and their histogram."""

    mean: float
    std: float
    max: float
    histogram: tuple[int, ...]


def summarise_correlation(correlation: Array) -> CorrelationSummary | None:
    """Summary over the pairs of a correlation matrix; None with fewer than two channels."""
    if len(correlation) < 2:
        return None
    strength = np.abs(correlation.ravel()[_pairs(len(correlation))])
    mean = float(strength.sum()) / len(strength)
    deviation = strength - mean
    bins = np.minimum((strength * HISTOGRAM_BINS).astype(np.intp), HISTOGRAM_BINS - 1)
    return CorrelationSummary(
        mean,
        float(deviation @ deviation / len(strength)) ** 0.5,
        float(strength.max()),
        tuple(np.bincount(bins, minlength=HISTOGRAM_BINS).tolist()),
    )


@lru_cache(maxsize=64)
def _pairs(channels: int) -> npt.NDArray[np.intp]:
    """Positions of the upper triangle, without the diagonal, in the flattened matrix."""
    rows, columns = np.triu_indices(channels, k=1)
    return rows * channels + columns
