"""Rebuilding dropped channels from kept ones by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.redundancy.spectrum import rank_tolerance

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """`x[dropped]` is about `weights @ x[keep] + intercept`.

    `weights` `(dropped, kept)` in the order of `keep`, `intercept` `(dropped,)`, `residual_variance` `(dropped,)`: the
    mean square that is missed, in the activations' units.
    """

    keep: tuple[int, ...]
    dropped: tuple[int, ...]
    weights: Array
    intercept: Array
    residual_variance: Array


def linear_reconstruction(covariance: Array, mean: Array, keep: Sequence[int]) -> Reconstruction:
    """The best linear map from the channels `keep` to all others, for this `covariance` and `mean`.

    Channels are standardised first, so that their scales do not matter; among kept channels that repeat each other the
    weights of least norm are taken.

    Raises:
        ValueError: `keep` holds a channel twice or one that is not there.
    """
    channels = len(covariance)
    if len(set(keep)) != len(keep) or not all(0 <= channel < channels for channel in keep):
        raise ValueError(f"keep must hold different channels from 0 to {channels - 1}, got {list(keep)}")
    kept = np.array(keep, dtype=np.intp)
    dropped = np.setdiff1d(np.arange(channels), kept)
    std = np.sqrt(np.diagonal(covariance))
    scale = np.where(std > 0, std, 1.0)
    relative = covariance / scale[:, None] / scale
    between = relative[np.ix_(dropped, kept)]
    inverse = np.linalg.pinv(relative[np.ix_(kept, kept)], rcond=rank_tolerance(max(1, len(kept))), hermitian=True)
    standardised = between @ inverse
    residual = np.diagonal(relative)[dropped] - np.einsum("dk,dk->d", standardised, between)
    weights = standardised * scale[dropped][:, None] / scale[kept]
    return Reconstruction(
        tuple(kept.tolist()),
        tuple(dropped.tolist()),
        weights,
        mean[dropped] - weights @ mean[kept],
        np.maximum(residual, 0) * scale[dropped] ** 2,
    )
