"""What the scores of given activations are: NumPy alone, float64, in one pass over whole arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from nano_u.capture.moment_store import SUBSET_SEED
from nano_u.redundancy import GroupMoments, LayerRedundancy, group_of_image, measure_layer
from nano_u.redundancy.record import Mode


def float64_scores(
    activations: Mapping[str, np.ndarray],
    *,
    mode: Mode = "inference",
    linear_inputs: Collection[str] = (),
    capacity: int | None = None,
    max_channels: int = 256,
) -> dict[str, LayerRedundancy]:
    """Records of `(images, ..., channels)` activations.

    `capacity` is the number of images that the jackknife's groups are cut from, all of them by default; a layer wider
    than `max_channels` is scored on the monitor's seeded subset.
    """
    return {
        name: _score(name, x, mode, name in linear_inputs, capacity or len(x), max_channels)
        for name, x in activations.items()
    }


def _score(
    name: str, x: np.ndarray, mode: Mode, linear_input: bool, capacity: int, max_channels: int
) -> LayerRedundancy:
    width = x.shape[-1]
    samples = x.reshape(len(x), -1, width)
    channels = None
    if width > max_channels:
        channels = np.sort(np.random.default_rng(SUBSET_SEED).choice(width, max_channels, replace=False)).tolist()
        samples = samples[..., channels]
    moments = GroupMoments.from_samples(samples, group_of_image(np.arange(len(x)), capacity))
    return measure_layer(
        moments, layer=name, mode=mode, linear_input=linear_input, num_channels=width, channels=channels
    )
