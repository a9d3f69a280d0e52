"""Every layer inside a model, whatever its style, with the path that names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class LayerEntry:
    """One layer and its path: the names of the layers around it below the model, joined with `/`."""

    path: str
    layer: keras.layers.Layer

    @property
    def name(self) -> str:
        """The layer's own name, the last part of the path."""
        return str(self.layer.name)


def layer_tree(model: keras.Model) -> tuple[LayerEntry, ...]:
    """All layers below the model, outer before inner, each object once.

    Keras tracks layers in attributes, lists, dictionaries and nested models alike. Sisters of equal name get `~2`,
    `~3` in tracking order; a layer that is reachable twice keeps its first path.
    """
    return tuple(_walk(model, "", {id(model)}))


def _walk(parent: keras.layers.Layer, prefix: str, seen: set[int]) -> Iterator[LayerEntry]:
    used: Counter[str] = Counter()
    for layer in parent._layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        used[layer.name] += 1
        suffix = f"~{used[layer.name]}" if used[layer.name] > 1 else ""
        path = f"{prefix}{layer.name}{suffix}"
        yield LayerEntry(path, layer)
        yield from _walk(layer, f"{path}/", seen)
