"""Which channels of a tensor stay when groups lose some of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano_u.graph import ChannelSource


@dataclass(frozen=True)
class KeptChannels:
    """Of one tensor: `places`, sorted, are the channels that stay; `loses` says whether others go."""

    places: tuple[int, ...]
    loses: bool


def kept_channels(sources: Sequence[ChannelSource], keeps: Mapping[tuple[str, ...], Sequence[int]]) -> KeptChannels:
    """Of the tensor with these sources; `keeps` by the producers of a group, groups that are not in it stay whole.

    >>> kept_channels([ChannelSource(("a",), 0, 3, None), ChannelSource(("b",), 3, 5, None)], {("a",): [0, 2]}).places
    (0, 2, 3, 4)
    """
    places: list[int] = []
    for source in sources:
        keep = keeps.get(source.producers, range(source.stop - source.start))
        places += [source.start + channel for channel in keep]
    return KeptChannels(tuple(places), len(places) < sum(source.stop - source.start for source in sources))
