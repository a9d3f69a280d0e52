"""Moments of a stream of images whose length only its end tells, still in groups of neighbours and constant memory.

The jackknife wants groups of equally many consecutive images. Windows are measured one after the other, each as long as
everything before it and in the same number of groups; neighbouring groups are then merged in pairs, so that past and
window fit side by side. At the end more than half of the groups hold images, however many came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from nano_u.capture.moment_store import Slot
from nano_u.monitoring.input_batches import image_count
from nano_u.monitoring.probe import ActivationProbe
from nano_u.redundancy import GROUPS, GroupMoments


def measure_stream(probe: ActivationProbe, batches: Iterator[Any]) -> tuple[tuple[Slot, GroupMoments], ...]:
    """Moments of all images of `batches`, read once; batches are cut only where their sizes vary.

    Raises:
        DataError, ConfigError: as `ActivationProbe.measure`.
    """
    source = _Source(batches)
    length = source.whole_batches(GROUPS)
    found = probe.measure(source.take(length), length)
    while source.has_more():
        recent = probe.measure(source.take(length), length)
        found = tuple((slot, side_by_side(past, new)) for (slot, past), (_, new) in zip(found, recent, strict=True))
        length *= 2
    return found


def side_by_side(past: GroupMoments, recent: GroupMoments) -> GroupMoments:
    """Both in one state of equally many groups: neighbours merged in pairs, the past first.

    The number of groups must be even.
    """
    halves = [_paired(past), _paired(recent)]
    return GroupMoments(
        np.concatenate([half.counts for half in halves]),
        np.concatenate([half.means for half in halves]),
        np.concatenate([half.scatters for half in halves]),
        past.images + recent.images,
    )


def _paired(moments: GroupMoments) -> GroupMoments:
    even, odd = (
        GroupMoments(moments.counts[start::2], moments.means[start::2], moments.scatters[start::2], images)
        for start, images in ((0, moments.images), (1, 0))
    )
    return even.merge(odd)


class _Source:
    """Batches that can be taken by the number of images."""

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches
        self._next = next(batches, None)

    def has_more(self) -> bool:
        """Whether an image is left."""
        while self._next is not None and image_count(self._next) == 0:
            self._next = next(self._batches, None)
        return self._next is not None

    def whole_batches(self, images: int) -> int:
        """Images in as many batches like the next one as hold at least `images`."""
        size = image_count(self._next) if self.has_more() else images
        return -(-images // size) * size

    def take(self, images: int) -> Iterator[Any]:
        """Batches of `images` images together, fewer at the end of the stream; the last one is cut to fit."""
        while images > 0 and self.has_more():
            batch, size = self._next, image_count(self._next)
            if size > images:
                self._next = _part(batch, slice(images, None))
                batch = _part(batch, slice(0, images))
            else:
                self._next = next(self._batches, None)
            yield batch
            images -= min(size, images)


def _part(batch: Any, part: slice) -> Any:
    return keras.tree.map_structure(lambda array: array[part], batch)
