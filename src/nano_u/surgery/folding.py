"""What a layer that mixes channels needs to do without some of them: kept ones stand in for the dropped ones.

At the layer's input the dropped channels are rebuilt from the kept ones, x_d ~ A x_k + b, by least squares. With the
kernel W of every tap, W_k + A' W_d computes the same from the kept channels alone, but for b' W_d, summed over taps,
which is a bias. Where an offset does not reach every output pixel alike, there is no b: x_d ~ A x_k, by least squares
on the second moments about zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nano_u.redundancy import Reconstruction, linear_reconstruction
from nano_u.redundancy.blas_threads import one_blas_thread
from nano_u.redundancy.live_channels import live_channels

Array = npt.NDArray[np.float64]


class HasMoments(Protocol):
    """`mean` `(channels,)` and `covariance` `(channels, channels)`, float64, such as `redundancy.Moments`."""

    @property
    def mean(self) -> Array:
        """Of each channel."""
        ...

    @property
    def covariance(self) -> Array:
        """In population form."""
        ...


@dataclass(frozen=True, eq=False)
class Mixing:
    """How a layer mixes its input channels, and what is known of these.

    `kernel` `(taps, channels, outputs)`. `spread` `(channels, channels)`: covariance, or second moments about zero
    where `mean` `(channels,)` is zero because no offset can be made up for. `output_power`: variance of the output,
    summed over outputs; taps are taken as independent, since moments tell nothing of neighbouring pixels.
    """

    kernel: Array
    spread: Array
    mean: Array
    output_power: float

    @classmethod
    def of(cls, kernel: Array, moments: HasMoments, *, padded: bool) -> Mixing:
        """From a kernel and the moments of what it reads; a channel that only seems to vary by rounding is constant."""
        covariance, mean = moments.covariance, moments.mean
        live = live_channels(np.diagonal(covariance), mean)
        centred = covariance * np.outer(live, live)
        about_zero = centred + np.outer(mean, mean)
        power = _power(kernel, centred) or _power(kernel, about_zero)
        return cls(kernel, about_zero if padded else centred, np.zeros_like(mean) if padded else mean, power)

    def without(self, channels: Sequence[int]) -> Mixing:
        """The same layer, were it to read only the other channels; the power stays that of its whole output."""
        left = np.setdiff1d(np.arange(len(self.mean)), channels)
        return Mixing(self.kernel[:, left], self.spread[np.ix_(left, left)], self.mean[left], self.output_power)


@dataclass(frozen=True, eq=False)
class Fold:
    """A kernel `(taps, kept, outputs)` for the kept channels alone, with the shift `(outputs,)` of its output.

    `lost_share`: mean square of what the output lacks now over the variance of the output, both summed over outputs.
    """

    kernel: Array
    shift: Array
    lost_share: float


@one_blas_thread()
def fold(mixing: Mixing, keep: Sequence[int]) -> Fold:
    """The layer for the channels `keep`, in their order."""
    rebuilt = rebuild(mixing.spread, mixing.mean, keep)
    dropped = mixing.kernel[:, list(rebuilt.dropped)]
    kernel = mixing.kernel[:, list(rebuilt.keep)] + np.einsum("dk,tdo->tko", rebuilt.weights, dropped)
    shift = np.einsum("d,tdo->o", rebuilt.intercept, dropped)
    lost = _power(dropped, missed(mixing.spread, rebuilt))
    return Fold(kernel, shift, lost / mixing.output_power if lost else 0.0)


def rebuild(spread: Array, mean: Array, keep: Sequence[int]) -> Reconstruction:
    """The dropped channels from the kept ones by least squares, a copy of a kept channel from that channel alone.

    Among kept channels that nearly repeat each other, least squares leaves out what only rounding could tell, and with
    it a part of an exact copy.
    """
    fitted = linear_reconstruction(spread, mean, keep)
    kept, dropped = np.array(fitted.keep, np.intp), np.array(fitted.dropped, np.intp)
    power = np.diagonal(spread)
    if not len(kept) or not len(dropped):
        return fitted
    slopes = spread[np.ix_(dropped, kept)] / np.where(power[kept] > 0, power[kept], 1.0)
    rest = power[dropped, np.newaxis] - slopes**2 * power[kept]
    nearest = rest.argmin(axis=1)
    rows = np.flatnonzero(rest.min(axis=1) < fitted.residual_variance)
    weights = fitted.weights.copy()
    weights[rows] = 0
    weights[rows, nearest[rows]] = slopes[rows, nearest[rows]]
    residual = np.minimum(fitted.residual_variance, np.maximum(rest.min(axis=1), 0))
    return dataclasses.replace(
        fitted, weights=weights, intercept=mean[dropped] - weights @ mean[kept], residual_variance=residual
    )


def missed(spread: Array, rebuilt: Reconstruction) -> Array:
    """`(dropped, dropped)` second moments of what the reconstruction misses."""
    keep, dropped = list(rebuilt.keep), list(rebuilt.dropped)
    across = rebuilt.weights @ spread[np.ix_(keep, dropped)]
    within = rebuilt.weights @ spread[np.ix_(keep, keep)] @ rebuilt.weights.T
    rest: Array = spread[np.ix_(dropped, dropped)] - across - across.T + within
    return rest


def _power(kernel: Array, spread: Array) -> float:
    """Mean square of the output of `kernel`, summed over taps and outputs, for inputs of these second moments."""
    return max(0.0, float(np.einsum("tco,cd,tdo->", kernel, spread, kernel, optimize=True)))
