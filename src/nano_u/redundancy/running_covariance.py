"""Covariance of a stream of activations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.redundancy.correlation import correlation_matrix
from nano_u.redundancy.live_channels import live_channels
from nano_u.redundancy.moments import GroupMoments
from nano_u.redundancy.score import corrected_entropy
from nano_u.redundancy.spectrum import erank_score, spectral_entropy

Array = npt.NDArray[np.float64]


class RunningCovariance:
    """Mean and covariance of `channels` channels over everything seen so far; float64, one pass, mergeable.

    >>> running = RunningCovariance(2)
    >>> running.update([[1.0, 2.0], [3.0, 6.0]])
    >>> running.covariance().tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """

    def __init__(self, channels: int) -> None:
        if channels < 1:
            raise ValueError(f"channels must be positive, got {channels}")
        self.channels = channels
        self._moments = GroupMoments.empty(channels, groups=1)

    def update(self, x: Any) -> None:
        """Take in `x` `(..., channels)`: an array or a tensor, every position along the leading axes one sample.

        Inside a `tf.function` the samples are taken in whenever the graph runs (XLA cannot compile that).

        Raises:
            ValueError: the last axis is not `channels` long.
        """
        tensorflow = sys.modules.get("tensorflow")  # who has a symbolic tensor has imported it
        if tensorflow is not None and tensorflow.is_symbolic_tensor(x):
            tensorflow.numpy_function(self._update, [x], [])
        else:
            self._update(np.asarray(x))

    def merge(self, other: RunningCovariance) -> None:
        """Take in everything that `other` has seen.

        Raises:
            ValueError: another number of channels.
        """
        self._moments = self._moments.merge(other._moments)

    @property
    def count(self) -> int:
        """Samples seen."""
        return int(self._moments.counts[0])

    @property
    def mean(self) -> Array:
        """`(channels,)`; zeros before the first sample."""
        mean: Array = self._moments.means[0].copy()
        return mean

    def covariance(self) -> Array:
        """`(channels, channels)`, divided by the number of samples (population form); zeros before the first one."""
        return self._moments.total().covariance.copy()

    def redundancy_score(self) -> float | None:
        """In [0, 1]: 0 = channels independent, 1 = all repeat one; the bias of `count` independent samples removed.

        Neighbouring pixels are not independent, and a stream does not tell how far they are not: on few images the
        score comes out too high. `measure_layer` estimates that from groups of images. None with fewer than two
        channels, two samples or one live channel, and where a value was not finite.
        """
        total = self._moments.total()
        if self.channels < 2 or total.count < 2 or not np.isfinite(np.diagonal(total.scatter)).all():
            return None
        covariance = total.covariance
        live = live_channels(np.diagonal(covariance), total.mean)
        if not live.any():
            return None
        eigenvalues = np.linalg.eigvalsh(correlation_matrix(covariance[np.ix_(live, live)]))
        entropy = corrected_entropy(spectral_entropy(eigenvalues), total.count, len(eigenvalues))
        return erank_score(entropy, self.channels)

    def reset(self) -> None:
        """Forget everything."""
        self._moments = GroupMoments.empty(self.channels, groups=1)

    def get_state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything seen, as arrays that `set_state` takes back."""
        return self._moments.to_arrays()

    def set_state(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Replace everything seen by what `get_state` gave.

        Raises:
            KeyError: an array is missing.
            ValueError: the state has another number of channels.
        """
        moments = GroupMoments.from_arrays(state)
        if moments.means.shape != (1, self.channels):
            raise ValueError(f"the state has {moments.channels} channels, this covariance {self.channels}")
        self._moments = moments

    def save(self, path: str | Path) -> None:
        """Write the state to the file `path` (NumPy's npz format, whatever the suffix)."""
        state: dict[str, Any] = self.get_state()
        with Path(path).open("wb") as file:
            np.savez(file, **state)

    @classmethod
    def load(cls, path: str | Path) -> RunningCovariance:
        """The covariance that `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            state = dict(arrays)
        running = cls(GroupMoments.from_arrays(state).channels)
        running.set_state(state)
        return running

    def _update(self, x: npt.NDArray[Any]) -> None:
        if x.ndim < 1 or x.shape[-1] != self.channels:
            raise ValueError(f"the last axis must hold {self.channels} channels, got shape {x.shape}")
        samples = x.reshape(1, -1, self.channels)
        if samples.size:
            self._moments = self._moments.merge(GroupMoments.from_samples(samples, [0], groups=1))
