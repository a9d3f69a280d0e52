"""What the eigenvalues of a covariance say about its channels.

The effective rank is that of Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO
2007: the exponential of the entropy of the normalised eigenvalues, from 1 (one direction) to their number (all equal).
Taken on the correlation matrix it does not depend on the channels' scales.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.redundancy.correlation import correlation_matrix
from nano_u.redundancy.live_channels import live_channels

Array = npt.NDArray[np.float64]

FLOAT32_EPS = float(np.finfo(np.float32).eps)


def rank_tolerance(channels: int) -> float:
    """Share of the largest eigenvalue below which one is rounding of float32 activations."""
    return channels * FLOAT32_EPS


def spectral_entropy(eigenvalues: npt.NDArray[np.floating]) -> float:
    """Entropy in nats of eigenvalues normalised to sum 1; those below 0 count as 0."""
    positive = eigenvalues[eigenvalues > 0]
    share = positive / positive.sum()
    return max(0.0, -float(share @ np.log(share)))


def erank_score(entropy: float, channels: int) -> float:
    """Redundancy of `channels`, at least two, dead ones included, from the entropy of the live ones' eigenvalues.

    In [0, 1]: 0 = independent, 1 = all repeat one.
    """
    return min(1.0, max(0.0, 1 - (math.exp(entropy) - 1) / (channels - 1)))


def population_redundancy_score(covariance: npt.ArrayLike, mean: npt.ArrayLike | None = None) -> float | None:
    """Redundancy score of an exact covariance `(channels, channels)`: no correction for a number of samples.

    `mean` `(channels,)` only decides which channels are dead; they count as redundant. None for a single channel or
    without any live one.
    """
    matrix = np.asarray(covariance, np.float64)
    live = live_channels(np.diagonal(matrix), None if mean is None else np.asarray(mean, np.float64))
    if len(live) < 2 or not live.any():
        return None
    eigenvalues = np.linalg.eigvalsh(correlation_matrix(matrix[np.ix_(live, live)]))
    return erank_score(spectral_entropy(eigenvalues), len(live))


def entropy_gradient(eigenvalues: Array, vectors: Array, correlation: Array) -> Array:
    """Derivative of `spectral_entropy` of the correlation with respect to the covariance of standardised channels.

    Takes the correlation matrix `(channels, channels)` and its eigenvalues and eigenvectors. Directions without
    variance in the samples have none in any part of them: their infinite slope meets a change of zero and is left out.
    """
    channels = len(eigenvalues)
    share = eigenvalues / channels
    slope = np.where(share > rank_tolerance(channels) * share[-1], -np.log(np.maximum(share, FLOAT32_EPS)), 0.0)
    gradient = (vectors * (slope / channels)) @ vectors.T
    # Rescaling a channel does not change the correlation: dr_ij = ds_ij - r_ij (ds_ii + ds_jj) / 2.
    gradient[np.diag_indices(channels)] -= np.einsum("ij,ij->i", gradient, correlation)
    return gradient


@dataclass(frozen=True)
class Spectrum:
    """Of the covariance of live channels: `condition_number` is a lower bound where `at_floor`."""

    dominance: float
    condition_number: float
    at_floor: bool
    rank: int


def summarise_spectrum(covariance: Array, tolerance: float) -> Spectrum:
    """Dominance, condition number and numerical rank of a covariance of live channels.

    Eigenvalues up to `tolerance` times the largest count as zero.
    """
    eigenvalues = np.linalg.eigvalsh(covariance)
    largest, smallest = float(eigenvalues[-1]), float(eigenvalues[0])
    at_floor = smallest <= tolerance * largest
    return Spectrum(
        dominance=min(1.0, largest / float(eigenvalues.sum())),
        condition_number=1 / tolerance if at_floor else largest / smallest,
        at_floor=at_floor,
        rank=int(np.count_nonzero(eigenvalues > tolerance * largest)),
    )
