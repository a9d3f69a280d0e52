"""Which layers the user means: names, patterns, paths, Layer objects and roles, settled before any step runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import keras

from nano_u.capture.layer_tree import LayerEntry, layer_tree
from nano_u.capture.roles import is_activation, is_convolution, is_linear_consumer, repeats_its_layers
from nano_u.capture.stages import stage_of_layers
from nano_u.errors import ConfigError

Selector: TypeAlias = str | keras.layers.Layer
"""A layer's name, `/regex/`, path, the layer itself, `"output"` or one of `ROLES`."""

ROLES = ("activations", "linear_inputs", "convolutions", "encoder", "bottleneck", "decoder")
DEFAULT = ("activations", "linear_inputs")
OUTPUT = "output"


@dataclass(frozen=True)
class Selection:
    """What to take from a forward pass of `model`.

    `outputs` maps the identity of a layer to the label of its output; `inputs` holds the identities of the linear
    consumers whose input is wanted; `model_output` says whether the model's own output is. `by_role` are the layers
    that roles alone chose: the model's own outputs are then left out, where others exist.
    """

    model: keras.Model
    entries: tuple[LayerEntry, ...]
    outputs: dict[int, str] = field(default_factory=dict)
    inputs: frozenset[int] = frozenset()
    model_output: bool = False
    by_role: frozenset[int] = frozenset()


def as_list(selectors: Sequence[Selector] | Selector | None) -> list[Selector]:
    """The selectors as a list; a single one may come by itself, and None is an empty list."""
    if selectors is None:
        return []
    return [selectors] if isinstance(selectors, (str, keras.layers.Layer)) else list(selectors)


def select_layers(model: keras.Model, selectors: Sequence[Selector] | Selector | None = None) -> Selection:
    """The layers that the selectors mean, duplicates removed; none given is `DEFAULT`.

    A layer's own name or path wins over a role of the same name. With the default, a model without activation layers
    and linear consumers is asked for its convolutions instead.

    Raises:
        ConfigError: a selector that matches nothing (with the close names), a name that several layers share, a
            layer of another model, a broken pattern; a model in which nothing can be observed.
    """
    entries = layer_tree(model)
    wanted = as_list(selectors)
    selector = _Selector(model, entries)
    for one in wanted or DEFAULT:
        selector.add(one, required=bool(wanted))
    if not selector.has_any():
        selector.add("convolutions", required=False)
    if not selector.has_any():
        raise ConfigError(
            f"{model.name}: no activation, convolution or dense layer to monitor; name layers with layers=[...] "
            f"(it has {', '.join(entry.path for entry in entries[:5]) or 'no layers'})"
        )
    return selector.selection()


class _Selector:
    """Collects what one selector after another means."""

    def __init__(self, model: keras.Model, entries: tuple[LayerEntry, ...]) -> None:
        self.model = model
        self.entries = entries
        self.outputs: dict[int, str] = {}
        self.inputs: set[int] = set()
        self.by_role: set[int] = set()
        self.model_output = False

    def selection(self) -> Selection:
        return Selection(
            self.model, self.entries, self.outputs, frozenset(self.inputs), self.model_output, frozenset(self.by_role)
        )

    def has_any(self) -> bool:
        """Whether anything was selected so far."""
        return bool(self.outputs or self.inputs or self.model_output)

    def add(self, selector: Selector, *, required: bool) -> None:
        if isinstance(selector, keras.layers.Layer):
            self._add_layer(selector)
        elif not isinstance(selector, str):
            raise ConfigError(f"layers: {selector!r} is neither a name nor a Keras layer")
        elif len(selector) > 2 and selector.startswith("/") and selector.endswith("/"):
            self._add_pattern(selector[1:-1])
        elif not self._add_name(selector):
            self._add_word(selector, required=required)

    def _add_layer(self, layer: keras.layers.Layer) -> None:
        found = [entry for entry in self.entries if entry.layer is layer]
        if not found and layer is not self.model:
            raise ConfigError(f"layers: {layer.name!r} is not a layer of {self.model.name!r}")
        if not found:
            self.model_output = True
        for entry in found:
            self._add_output(entry, entry.path)

    def _add_pattern(self, pattern: str) -> None:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise ConfigError(f"layers: '/{pattern}/' is not a regular expression ({error})") from error
        found = [entry for entry in _once_per_pass(self.entries) if expression.search(entry.path)]
        found = [entry for entry in found if not isinstance(entry.layer, keras.layers.InputLayer)]
        if not found:
            raise self._unknown(f"/{pattern}/", pattern)
        for entry in found:
            self._add_output(entry, entry.path)

    def _add_name(self, name: str) -> bool:
        """The layer of that path, else the only one of that name; its label is what the user wrote."""
        found = [entry for entry in self.entries if entry.path == name]
        found = found or [entry for entry in self.entries if entry.name == name]
        if len(found) > 1:
            paths = ", ".join(entry.path for entry in found[:4])
            raise ConfigError(f"layers: {len(found)} layers are called {name!r}; give a path ({paths}) or a pattern")
        for entry in found:
            self._add_output(entry, name)
        return bool(found)

    def _add_output(self, entry: LayerEntry, label: str) -> None:
        """A layer that was named; the first label stays, unless a role gave it."""
        if isinstance(entry.layer, keras.layers.InputLayer):
            raise ConfigError(f"layers: {label!r} is an input of {self.model.name!r}; name a layer that reads it")
        key = id(entry.layer)
        if key in self.by_role:
            self.by_role.discard(key)
            del self.outputs[key]
        self.outputs.setdefault(key, label)

    def _add_word(self, word: str, *, required: bool) -> None:
        if word == OUTPUT:
            self.model_output = True
            return
        if word not in ROLES:
            raise self._unknown(word, word)
        before = len(self.outputs) + len(self.inputs)
        self._add_role(word)
        if required and len(self.outputs) + len(self.inputs) == before:
            raise ConfigError(f"layers: {self.model.name!r} has no layers for the role {word!r}")

    def _add_role(self, role: str) -> None:
        entries = _once_per_pass(self.entries)
        if role == "linear_inputs":
            self.inputs |= {id(entry.layer) for entry in entries if is_linear_consumer(entry.layer)}
            return
        if role == "activations":
            found = [entry for entry in entries if is_activation(entry.layer)]
        elif role == "convolutions":
            found = [entry for entry in entries if is_convolution(entry.layer)]
        else:
            stages = stage_of_layers(self.model, self.entries)
            found = [entry for entry in entries if stages.get(entry.path) == role and is_activation(entry.layer)]
        for entry in found:
            if id(entry.layer) not in self.outputs:
                self.outputs[id(entry.layer)] = entry.path
                self.by_role.add(id(entry.layer))

    def _unknown(self, shown: str, text: str) -> ConfigError:
        names = list(dict.fromkeys([entry.path for entry in self.entries] + [entry.name for entry in self.entries]))
        close = difflib.get_close_matches(text, [*names, *ROLES, OUTPUT], n=3, cutoff=0.5)
        if close:
            hint = f"did you mean {', '.join(map(repr, close))}?"
        else:
            hint = f"it has {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}; roles: {', '.join(ROLES)}"
        return ConfigError(f"layers: {self.model.name!r} has no layer {shown!r}; {hint}")


def _once_per_pass(entries: Sequence[LayerEntry]) -> list[LayerEntry]:
    """Without the layers inside recurrent and time-distributed ones, which see one time step at a time."""
    inside = tuple(f"{entry.path}/" for entry in entries if repeats_its_layers(entry.layer))
    return [entry for entry in entries if not entry.path.startswith(inside)]
