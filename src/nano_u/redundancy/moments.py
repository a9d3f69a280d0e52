"""First and second moments of activations, kept apart for fixed groups of whole images; float64, mergeable.

Means and centred products, never raw sums of squares: those lose everything when a mean is large against its spread.
Two states merge by the pairwise formula of Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
The American Statistician 37 (1983).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GROUPS = 20
"""Groups of the delete-a-group jackknife; the memory of a state does not grow with the number of images."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of one set of samples: `count`, `mean` `(channels,)` and centred `scatter` `(channels, channels)`."""

    count: float
    mean: Array
    scatter: Array

    @property
    def covariance(self) -> Array:
        """`scatter / count`: the population form, that of the samples taken as the whole; zeros without samples."""
        return self.scatter / self.count if self.count else self.scatter


@dataclass(frozen=True, eq=False)
class GroupMoments:
    """Moments of a fixed number of groups of whole images.

    `counts` `(groups,)`: samples in each group, 0 for an empty one. `means` `(groups, channels)`. `scatters`
    `(groups, channels, channels)`: sums of products of deviations from the group's own mean. `images`: images in all.
    """

    counts: Array
    means: Array
    scatters: Array
    images: int

    @classmethod
    def empty(cls, channels: int, groups: int = GROUPS) -> GroupMoments:
        """No samples yet."""
        return cls(np.zeros(groups), np.zeros((groups, channels)), np.zeros((groups, channels, channels)), 0)

    @classmethod
    def from_samples(
        cls, x: npt.ArrayLike, group_ids: npt.NDArray[np.integer] | list[int], groups: int = GROUPS
    ) -> GroupMoments:
        """Moments of `x` `(images, samples, channels)`; `group_ids` `(images,)` says to which group each belongs.

        Raises:
            ValueError: another rank, or a group number that is missing or out of range.
        """
        samples, ids = np.asarray(x), np.asarray(group_ids, dtype=np.int64)
        if samples.ndim != 3:
            raise ValueError(f"samples must be (images, samples, channels), got shape {samples.shape}")
        if ids.shape != samples.shape[:1] or (ids < 0).any() or (ids >= groups).any():
            raise ValueError(f"group_ids must be {len(samples)} numbers from 0 to {groups - 1}, got shape {ids.shape}")
        result = cls.empty(samples.shape[2], groups)
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity go through: the record reports them
            for group in np.unique(ids):
                values = samples[ids == group].reshape(-1, samples.shape[2]).astype(np.float64)
                if len(values):
                    part = moments_of(values)
                    result.counts[group] = part.count
                    result.means[group] = part.mean
                    result.scatters[group] = part.scatter
        return cls(result.counts, result.means, result.scatters, len(samples))

    @property
    def channels(self) -> int:
        """Channels of each sample."""
        return int(self.means.shape[1])

    def merge(self, other: GroupMoments) -> GroupMoments:
        """Moments of both sets of images, group by group; neither argument changes.

        Raises:
            ValueError: another number of groups or channels.
        """
        if self.means.shape != other.means.shape:
            raise ValueError(
                f"states differ in (groups, channels): {self.means.shape} and {other.means.shape}; "
                "merge only states of one layer"
            )
        with np.errstate(invalid="ignore", over="ignore"):
            counts = self.counts + other.counts
            share = other.counts / np.maximum(counts, 1)
            step = other.means - self.means
            step[self.counts * other.counts == 0] = 0
            means = np.where((self.counts > 0)[:, None], self.means + step * share[:, None], other.means)
            scatters = self.scatters + other.scatters
            scatters += (step * (self.counts * share)[:, None])[:, :, None] * step[:, None, :]
        return GroupMoments(counts, means, scatters, self.images + other.images)

    def total(self) -> Moments:
        """Moments of all groups together."""
        count = float(self.counts.sum())
        if not count:
            return Moments(0.0, np.zeros(self.channels), np.zeros((self.channels, self.channels)))
        with np.errstate(invalid="ignore", over="ignore"):
            mean = self.counts @ self.means / count
            deviations = self.means - mean
            between = (deviations * self.counts[:, None]).T @ deviations
            return Moments(count, mean, self.scatters.sum(axis=0) + between)

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The state as arrays for `numpy.savez`."""
        return {
            "counts": self.counts.copy(),
            "means": self.means.copy(),
            "scatters": self.scatters.copy(),
            "images": np.array(self.images),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.ArrayLike]) -> GroupMoments:
        """The inverse of `to_arrays`.

        Raises:
            KeyError: an array is missing.
            ValueError: the arrays' shapes do not belong together.
        """
        counts, means, scatters = (np.array(arrays[key], np.float64) for key in ("counts", "means", "scatters"))
        if means.ndim != 2 or counts.shape != means.shape[:1] or scatters.shape != (*means.shape, means.shape[1]):
            raise ValueError(f"not a state: counts {counts.shape}, means {means.shape}, scatters {scatters.shape}")
        return cls(counts, means, scatters, int(np.asarray(arrays["images"])))


def moments_of(samples: Array) -> Moments:
    """Moments of `samples` `(samples, channels)`, at least one, in two passes."""
    mean = samples.mean(axis=0)
    centred = samples - mean
    return Moments(float(len(samples)), mean, centred.T @ centred)


def group_of_image(index: npt.ArrayLike, capacity: int, groups: int = GROUPS) -> npt.NDArray[np.int64]:
    """The group of the image at `index` (a number or an array) of about `capacity`: contiguous blocks of images.

    Neighbours, which may be frames of one video, share a group, so that groups are as independent as they can be.
    Images past `capacity` join the last group.

    >>> [int(group_of_image(index, 6, groups=3)) for index in range(8)]
    [0, 0, 1, 1, 2, 2, 2, 2]
    """
    if capacity < 1:
        raise ValueError(f"capacity must be positive, got {capacity}")
    return np.minimum(np.asarray(index, dtype=np.int64), capacity - 1) * groups // capacity
