"""Encoder, bottleneck and decoder of a model: by the layers' names, else by the resolution they work at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import keras

from nano_u.capture.layer_tree import LayerEntry

_NAMES = {
    "encoder": re.compile(r"(^|[/_])(enc|encoder|down|contract\w*)\d*([/_]|$)", re.IGNORECASE),
    "bottleneck": re.compile(r"(^|[/_])(bottleneck|bridge|center|middle)\d*([/_]|$)", re.IGNORECASE),
    "decoder": re.compile(r"(^|[/_])(dec|decoder|up|expan\w*)\d*([/_]|$)", re.IGNORECASE),
}
_AUTOMATIC = re.compile(r"up_sampling[123]d")  # Keras' own name for a layer that was given none


def stage_of_layers(model: keras.Model, entries: Sequence[LayerEntry]) -> dict[str, str]:
    """Path of a layer -> "encoder", "bottleneck" or "decoder", for the layers that belong to one.

    Names decide where they tell two stages apart; otherwise a functional model's layers at the lowest resolution are
    the bottleneck, those before it the encoder, those after it the decoder. Empty where neither tells.
    """
    named = {entry.path: stage for entry in entries for stage in [_stage_of_name(entry.path)] if stage}
    return named if len(set(named.values())) > 1 else _by_resolution(entries) or named


def _stage_of_name(path: str) -> str | None:
    path = _AUTOMATIC.sub("", path)
    return next((stage for stage, pattern in _NAMES.items() if pattern.search(path)), None)


def stages_by_size(pixels: Mapping[str, int]) -> dict[str, str]:
    """Path -> stage from the pixels of each layer's output, in network order; empty where all are equal."""
    if len(set(pixels.values())) < 2:
        return {}
    lowest = min(pixels.values())
    order = list(pixels)
    inside = [index for index, path in enumerate(order) if pixels[path] == lowest]
    stages = {}
    for index, path in enumerate(order):
        if index < inside[0]:
            stages[path] = "encoder"
        else:
            stages[path] = "bottleneck" if index <= inside[-1] else "decoder"
    return stages


def _by_resolution(entries: Sequence[LayerEntry]) -> dict[str, str]:
    pixels = {entry.path: _pixels(entry.layer) for entry in entries}
    return stages_by_size({path: count for path, count in pixels.items() if count is not None})


def _pixels(layer: keras.layers.Layer) -> int | None:
    """Pixels of the layer's only output image; None for anything else, or where the layer was called elsewhere."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return None
    if len(shape) != 4 or None in shape[1:]:
        return None
    first = getattr(layer, "data_format", None) == "channels_first"
    return int(shape[2] * shape[3] if first else shape[1] * shape[2])
