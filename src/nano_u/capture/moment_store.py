"""Moments of many layers, kept in TensorFlow variables while a training or validation graph fills them.

A window is what one logged step looks at: at most so many images. Outside a window the added operations are one
comparison. Nothing but these sums leaves the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import tensorflow as tf

from nano_u.capture.captured import Captured
from nano_u.capture.group_sums import group_sums
from nano_u.capture.image_moments import SCALED, treatment_size
from nano_u.capture.replicated import assign, clearing, per_replica, replicated
from nano_u.redundancy import GROUPS, GroupMoments

SUBSET_SEED = 20260101
"""Of the channels that stand for a layer wider than `max_channels`."""


@dataclass(frozen=True)
class Slot:
    """One layer's place in the store."""

    name: str
    num_channels: int
    channels: tuple[int, ...] | None
    """The seeded subset that is scored, None for all."""
    channels_first: bool
    linear_input: bool
    reads: str | None

    @property
    def width(self) -> int:
        """Channels that are scored."""
        return self.num_channels if self.channels is None else len(self.channels)

    @property
    def size(self) -> int:
        """Numbers kept: per group a count, sums and products."""
        return int(GROUPS * (1 + self.width + self.width**2))


def slot_of(captured: Captured, max_channels: int | None) -> Slot:
    """The place for a captured tensor; a layer wider than `max_channels` is scored on a fixed subset of channels."""
    shape = captured.tensor.shape
    count = int(shape[1] if captured.channels_first else shape[-1])
    subset = None
    if max_channels is not None and count > max_channels:
        drawn = np.random.default_rng(SUBSET_SEED).choice(count, max_channels, replace=False)
        subset = tuple(int(channel) for channel in np.sort(drawn))
    return Slot(captured.name, count, subset, captured.channels_first, captured.linear_input, captured.reads)


class MomentStore:
    """Accumulates `Slot`s' moments inside graphs; read and reset from outside.

    Made while the observed graph is traced, out of which its variables are lifted. Each layer has sums and a condition
    of its own, so that its activation is used as soon as it is there and need not wait for the end of the step. Under
    a distribution strategy every replica has its own variables and `read` merges them.
    """

    def __init__(self, slots: Sequence[Slot], spatial: str) -> None:
        self.slots = tuple(slots)
        self._spatial = spatial
        self._limit = 0
        self._sums = tuple(replicated(np.zeros(slot.size)) for slot in self.slots)
        self._treatments = tuple(replicated(np.zeros(treatment_size(slot.width), np.float32)) for slot in self.slots)
        self._seen = replicated(np.zeros(len(self.slots), np.int32))
        self._window = replicated(np.zeros(2, np.int32))
        self._clear = clearing((*self._sums, self._seen))

    def open(self, images: int, *, whole_batch: bool) -> None:
        """Start a window of at most `images` images; groups are cut from one batch when `whole_batch`."""
        self._limit = -(-images // len(per_replica(self._window)))
        self._clear()  # not the treatments: a window's first batch chooses them anew
        assign(self._window, np.array([self._limit, 0 if whole_batch else self._limit], np.int32))

    def close(self) -> None:
        """End the window: later batches are not looked at."""
        assign(self._window, np.zeros(2, np.int32))

    def observe(self, tensors: Sequence[tf.Tensor]) -> None:
        """Add one batch's activations, in the order of the slots, while the window is open; for graphs and eager."""
        window = tf.identity(self._window)
        seen = tf.identity(self._seen)
        wanted = seen < window[0]
        images = [
            self._observe_layer(index, tensor, seen[index], window, wanted[index])
            for index, tensor in enumerate(tensors)
        ]
        self._seen.assign_add(tf.stack(images))

    def read(self) -> tuple[GroupMoments, ...]:
        """What the window has seen, per slot."""
        seen = per_replica(self._seen)
        return tuple(
            reduce(
                GroupMoments.merge,
                (
                    _group_moments(slot, sums, treatment, min(int(images[index]), self._limit))
                    for sums, treatment, images in zip(
                        per_replica(self._sums[index]), per_replica(self._treatments[index]), seen, strict=True
                    )
                ),
            )
            for index, slot in enumerate(self.slots)
        )

    def _observe_layer(
        self, index: int, tensor: tf.Tensor, seen: tf.Tensor, window: tf.Tensor, wanted: tf.Tensor
    ) -> tf.Tensor:
        """Number of images added to one layer's sums, which are about the origin that the first batch chose."""
        slot, total, treatment = self.slots[index], self._sums[index], self._treatments[index]
        function = group_sums(tensor, channels_first=slot.channels_first, spatial=self._spatial, channels=slot.channels)

        def add() -> tf.Tensor:
            sums, chosen, images = function(tensor, tf.identity(treatment), seen, window)
            total.assign_add(sums)
            treatment.assign(chosen)
            return images

        return tf.cond(wanted, add, lambda: tf.constant(0))


def _group_moments(slot: Slot, flat: np.ndarray, treatment: np.ndarray, images: int) -> GroupMoments:
    """The sums of treated samples as moments of the activations themselves."""
    origin, scale = np.split(treatment[1:].astype(np.float64), 2)
    counts, sums, products = np.split(flat, [GROUPS, GROUPS * (1 + slot.width)])
    sums = sums.reshape(GROUPS, slot.width)
    shifts = sums / np.maximum(counts, 1)[:, np.newaxis]
    scatters = products.reshape(GROUPS, slot.width, slot.width) - sums[:, :, np.newaxis] * shifts[:, np.newaxis, :]
    means = np.where(counts[:, np.newaxis] > 0, shifts * scale + origin, 0.0)
    if treatment[0] == SCALED:
        scatters *= np.outer(scale, scale)
    return GroupMoments(counts.copy(), means, scatters, images=images)  # a view would keep all sums in memory
