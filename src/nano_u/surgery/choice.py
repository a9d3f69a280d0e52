"""Which channels of a group to keep, so that the layers that read them lose least.

Pivoted Cholesky at the readers' inputs: each step keeps the channel of which the kept ones leave most unexplained,
weighted by how strongly the readers read it. Each reader keeps a rest of its own, since each rebuilds the dropped
channels in its own way; the rests are added, each over the variance of its reader's output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from nano_u.errors import ModelError
from nano_u.redundancy.blas_threads import one_blas_thread
from nano_u.surgery.folding import Array, HasMoments, Mixing, fold, missed, rebuild
from nano_u.surgery.groups import ChannelGroup
from nano_u.surgery.reading import reader_mixing

ZERO_LOSS = 1e-9
"""Share of an output's variance below which a loss is rounding of float32 activations."""

_ROUNDING = 1e-12  # of a channel's own variance: a rest below it is rounding


@dataclass(frozen=True)
class Choice:
    """The channels kept, sorted, and the share of the readers' output variance lost with the others, after folding.

    `loss` is summed over readers; 0 = nothing is lost.
    """

    keep: tuple[int, ...]
    loss: float


@one_blas_thread()
def choose_channels(group: ChannelGroup, model: keras.Model, moments: Mapping[str, HasMoments], count: int) -> Choice:
    """The `count` channels of `group` to keep; all other channels that the readers read stay and stand in too.

    `moments` are those of `measure_readers`.

    Raises ModelError for a group that is left whole, a count that is not 1 to its width, or moments of another model.
    """
    if not 1 <= count <= group.width:
        raise ModelError(
            f"{group.name}: cannot keep {count} of its {group.width} channels; 1 to {group.width} can stay"
        )
    points = list(_points(group, model, moments))
    return _choice(points, _keep_order(points, group.width)[:count])


@one_blas_thread()
def removable_channels(
    group: ChannelGroup, model: keras.Model, moments: Mapping[str, HasMoments], limit: float = ZERO_LOSS
) -> Choice:
    """The fewest channels of `group`, at least one, without the others of which at most `limit` is lost.

    With the default go dead channels, copies, scaled copies and linear mixtures. Only channels of the group itself
    stand in for each other, so that such choices for several groups can be cut at once.

    Raises ModelError as `choose_channels`.
    """
    points = [point.alone() for point in _points(group, model, moments)]
    order = _keep_order(points, group.width)
    fewest, enough = 1, group.width
    while fewest < enough:
        middle = (fewest + enough) // 2
        if _choice(points, order[:middle]).loss <= limit:
            enough = middle
        else:
            fewest = middle + 1
    return _choice(points, order[:enough])


@dataclass(frozen=True, eq=False)
class _Point:
    """A layer that reads the group; `own` `(occurrences, width)`: where among its inputs channel `i` comes."""

    mixing: Mixing
    own: npt.NDArray[np.intp]

    @property
    def others(self) -> npt.NDArray[np.intp]:
        """Input channels that are not the group's."""
        return np.setdiff1d(np.arange(len(self.mixing.mean)), self.own)

    def alone(self) -> _Point:
        """The same without the channels of other groups."""
        others = self.others
        return _Point(self.mixing.without(others.tolist()), self.own - np.searchsorted(others, self.own))

    def lost_share(self, keep: Sequence[int]) -> float:
        """Of the output variance, when of the group only the channels `keep` stay."""
        return fold(self.mixing, sorted([*self.others, *self.own[:, list(keep)].flat])).lost_share

    def weighted_rest(self) -> Array:
        """`(occurrences * width, ...)`: what other channels leave unexplained, as strong as the layer reads it."""
        mixing, own = self.mixing, self.own.ravel()
        rebuilt = rebuild(mixing.spread, mixing.mean, self.others.tolist())
        place = np.searchsorted(rebuilt.dropped, own)
        rest = missed(mixing.spread, rebuilt)[np.ix_(place, place)]
        strength = np.sqrt((mixing.kernel[:, own] ** 2).sum(axis=(0, 2)) / (mixing.output_power or 1.0))
        return rest * np.outer(strength, strength)


def _points(group: ChannelGroup, model: keras.Model, moments: Mapping[str, HasMoments]) -> Iterator[_Point]:
    if group.fixed is not None:
        raise ModelError(f"{group.name}: its channels cannot be removed: {group.fixed}")
    for name in dict.fromkeys(reader.layer for reader in group.readers):
        places = [reader for reader in group.readers if reader.layer == name]
        mixing = reader_mixing(model, name, moments, padded=places[0].padded)
        own = np.array([np.arange(group.width) + reader.start for reader in places])
        if own.max() >= len(mixing.mean):
            raise ModelError(f"{group.name}: {name} does not read it in {model.name}; ask for the groups of this model")
        yield _Point(mixing, own)


def _choice(points: Sequence[_Point], keep: Sequence[int]) -> Choice:
    return Choice(tuple(sorted(keep)), sum(point.lost_share(keep) for point in points))


def _keep_order(points: Sequence[_Point], width: int) -> list[int]:
    """All channels, the most needed first."""
    rests = [point.weighted_rest() for point in points]
    floors = [_ROUNDING * np.diagonal(rest) for rest in rests]
    left, order = list(range(width)), []
    while left:
        need = sum(np.diagonal(rest).reshape(-1, width).sum(axis=0) for rest in rests)
        pivot = max(left, key=np.asarray(need).item)
        left.remove(pivot)
        order.append(pivot)
        for index, floor in enumerate(floors):
            for place in range(pivot, len(floor), width):
                rests[index] = _explained(rests[index], place, floor[place])
    return order


def _explained(rest: Array, pivot: int, floor: float) -> Array:
    """What is left unexplained once the channel `pivot` is kept."""
    if rest[pivot, pivot] <= floor:
        return rest
    left: Array = rest - np.outer(rest[pivot], rest[pivot]) / rest[pivot, pivot]
    return left
