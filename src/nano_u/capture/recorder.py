"""Who called what: the layers' calls during one forward pass, recorded without touching the model for longer.

Keras 3 has no hooks. While a pass runs (or one `tf.function` is traced), every layer's `call` is shadowed by an
instance attribute that runs it and notes its tensors; the attribute is deleted in `finally`, so saving, cloning and
pickling never see it. `layer.__call__` cannot be shadowed: Python looks it up on the class.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
from keras.src.backend.common.symbolic_scope import in_symbolic_scope  # not public, and nothing public tells

from nano_u.capture.layer_tree import LayerEntry, layer_tree


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one layer: what went in and what came out, as flat lists of tensors."""

    entry: LayerEntry
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


@dataclass(eq=False)
class ForwardPass:
    """Calls in the order in which they ended (inner layers before the blocks around them), the model's own apart."""

    calls: list[Call] = field(default_factory=list)
    own_calls: list[Call] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    """The tensors that the model was given, known before its layers run."""

    def outputs(self) -> dict[str, Any]:
        """The model's outputs by name; a single one is called ""."""
        tensors = self.own_calls[0].outputs if self.own_calls else ()
        if len(tensors) == 1:
            return {"": tensors[0]}
        names = getattr(self.own_calls[0].entry.layer, "output_names", None) if self.own_calls else None
        keys = names if names and len(names) == len(tensors) else range(len(tensors))
        return {str(key): tensor for key, tensor in zip(keys, tensors, strict=True)}


Hook = Callable[[ForwardPass, LayerEntry, tuple[Any, ...]], None]
"""Called inside a layer's `call` with the pass so far, the layer (path "" = the model) and the tensors concerned."""


@dataclass(frozen=True)
class Hooks:
    """What to do inside the recorded calls, where a loss may still be added; all optional."""

    before: Hook | None = None
    after: Hook | None = None
    done: Callable[[], None] | None = None
    """Called when the pass is over, also after an exception."""


class CallRecorder:
    """Records calls of a model and its layers; several threads (one per replica) may record at the same time.

    Layers that a block makes in its `build`, at its first call, are found then and recorded from there on.
    """

    def __init__(self, model: keras.Model, entries: Sequence[LayerEntry]) -> None:
        self._model = model
        self._entries = [*entries, LayerEntry("", model)]
        self._known = {id(entry.layer) for entry in self._entries}
        self._lock = threading.Lock()
        self._recording = 0
        self._instance_calls: dict[int, Callable[..., Any]] = {}  # `call` attributes that users had set themselves
        self._local = threading.local()

    @contextmanager
    def recording(self, hooks: Hooks | None = None) -> Iterator[ForwardPass]:
        """A record that fills with this thread's calls while the block runs."""
        forward = ForwardPass()
        outer = getattr(self._local, "active", None)
        self._local.active = (forward, hooks or Hooks())
        self._shadow()
        try:
            yield forward
        finally:
            self._restore()
            self._local.active = outer
            if hooks is not None and hooks.done is not None:
                hooks.done()

    def _shadow(self) -> None:
        with self._lock:
            self._recording += 1
            if self._recording > 1:
                return
            for entry in self._entries:
                self._shadow_one(entry)

    def _shadow_one(self, entry: LayerEntry) -> None:
        own = vars(entry.layer)
        if "call" in own:
            self._instance_calls[id(entry.layer)] = own["call"]
        own["call"] = self._recorded(entry)

    def _shadow_new(self, block: keras.layers.Layer) -> None:
        """Take in layers that have come to be inside a block since the recording began."""
        if all(id(layer) in self._known for layer in block._layers):
            return
        with self._lock:
            for entry in layer_tree(self._model):
                if id(entry.layer) not in self._known:
                    self._known.add(id(entry.layer))
                    self._entries.append(entry)
                    self._shadow_one(entry)

    def _restore(self) -> None:
        with self._lock:
            self._recording -= 1
            if self._recording:
                return
            for entry in self._entries:
                own = vars(entry.layer)
                del own["call"]
                if id(entry.layer) in self._instance_calls:
                    own["call"] = self._instance_calls.pop(id(entry.layer))

    def _recorded(self, entry: LayerEntry) -> Callable[..., Any]:
        original = entry.layer.call

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            active = getattr(self._local, "active", None)
            if active is None or in_symbolic_scope():  # Keras runs a model on made-up tensors to build its layers
                return original(*args, **kwargs)
            self._shadow_new(entry.layer)
            forward, hooks = active
            inputs = _tensors([args, {key: value for key, value in kwargs.items() if not _is_context(key)}])
            if entry.layer is self._model:
                forward.inputs.extend(inputs)
            if hooks.before is not None:
                hooks.before(forward, entry, inputs)
            outputs = original(*args, **kwargs)
            tensors = _tensors(outputs)
            if hooks.after is not None:
                hooks.after(forward, entry, tensors)
            done = forward.own_calls if entry.layer is self._model else forward.calls
            done.append(Call(entry, inputs, tensors))
            return outputs

        return call


def _tensors(values: Any) -> tuple[Any, ...]:
    """The tensors of a nested structure, in Keras' order; everything else is left out."""
    return tuple(value for value in keras.tree.flatten(values) if hasattr(value, "dtype") and hasattr(value, "shape"))


def _is_context(argument: str) -> bool:
    """Whether a keyword argument says how to run rather than on what."""
    return argument in ("training", "mask") or argument.endswith("_mask")
