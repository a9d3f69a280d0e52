"""Live activations of chosen layers, as tensors that gradients flow through."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import TracebackType
from typing import Any

import keras
import tensorflow as tf

from nano_u.capture.captured import captured_tensors, named_outputs, numbered_calls
from nano_u.capture.model_inputs import build_with, losses_restored, relaxed_spec, run
from nano_u.capture.readers import is_readable_here
from nano_u.capture.recorder import CallRecorder, ForwardPass
from nano_u.capture.selection import OUTPUT, Selection, Selector, as_list, select_layers
from nano_u.errors import ConfigError

Features = dict[str, tf.Tensor]


class ActivationExtractor:
    """Runs a Keras model and returns the activations of the selected layers, for penalties and feature losses.

    The forward pass is traced once for each input shape (the number of images aside), type and `training` into a
    `tf.function`; the model is the same before, between and after calls. Eagerly under a `tf.GradientTape` and inside
    a `tf.function` alike, the tensors are live: gradients of what is computed from them reach the weights. With
    `training=True`, running statistics move once per call, so take the model's own result of the same pass from
    `output` instead of running the model again.

    Args:
        model: functional, sequential, nested or subclassed.
        selectors: names, paths, `/regex/`, layers, roles or "output"; None is activations and linear inputs.

    Keys are the names that the user wrote, else paths (`#2` for a second call in one pass, `:0`, `:1` for several
    outputs of one). Layers given by name, path or as themselves come first, in the order of the selectors, and are all
    there, even where two return one tensor, as Identity does. What patterns and roles chose follows in the order in
    which it runs, each tensor once; "output" is last.

    Raises:
        ConfigError: a selector that matches nothing (with the close names), on construction where the model is built,
            else in the first call; in a call, a named layer that does not run in it, or runs inside a loop.
    """

    def __init__(self, model: keras.Model, selectors: Sequence[Selector] | Selector | None = None) -> None:
        self.model = model
        self._selectors = as_list(selectors)
        self._selection: Selection | None = None
        self._passes: dict[Hashable, _TracedPass] = {}
        self._output: Any = None
        self._losses: list[tf.Tensor] = []
        if model.built:
            self._selection = select_layers(model, self._selectors)

    def __call__(self, inputs: Any, training: bool = False) -> Features:
        """The selected activations of one forward pass on `inputs`, an array or tensor or a structure of them."""
        inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        features, self._output, self._losses = self._pass_for(inputs, bool(training))(inputs)
        return features

    @property
    def output(self) -> Any:
        """What the model itself returned in the last call, in its own structure; None before the first."""
        return self._output

    @property
    def losses(self) -> list[tf.Tensor]:
        """`model.losses` of the last call: penalties of regularizers and those that layers added."""
        return self._losses

    def shapes(self, inputs: Any, training: bool = False) -> dict[str, tuple[int | None, ...]]:
        """Shapes of the activations for inputs, arrays or `tf.TensorSpec`s, like these; the batch axis is None."""
        return self._pass_for(inputs, bool(training)).shapes()

    def cleanup(self) -> None:
        """Drop the traced passes and the last output; a later call traces anew."""
        self._passes.clear()
        self._output, self._losses = None, []

    def __enter__(self) -> ActivationExtractor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cleanup()

    def _pass_for(self, inputs: Any, training: bool) -> _TracedPass:
        if self._selection is None:
            build_with(self.model, inputs)
            self._selection = select_layers(self.model, self._selectors)
        leaves = keras.tree.flatten(inputs)
        structure = str(keras.tree.map_structure(lambda leaf: None, inputs))
        shapes = tuple((tuple(leaf.shape[1:]), tf.as_dtype(leaf.dtype).name) for leaf in leaves)
        frozen = tuple(entry.layer.trainable for entry in self._selection.entries)  # decides what BatchNorm does
        key = (structure, shapes, training, frozen)
        if key not in self._passes:
            self._passes[key] = _TracedPass(self._selection, self._named(), inputs, training)
        return self._passes[key]

    def _named(self) -> frozenset[int]:
        """Identities of the layers that were given by name, path or as themselves rather than by a pattern or role."""
        assert self._selection is not None
        given = {id(one) for one in self._selectors if isinstance(one, keras.layers.Layer)}
        names = {one for one in self._selectors if isinstance(one, str)}
        labelled = {key for key, label in self._selection.outputs.items() if label in names}
        return frozenset((given | labelled) - self._selection.by_role)


class _TracedPass:
    """The forward pass for inputs of one kind; layers are shadowed only while it is traced, or runs eagerly."""

    def __init__(self, selection: Selection, named: frozenset[int], inputs: Any, training: bool) -> None:
        self._selection = selection
        self._named = named
        self._training = training
        self._recorder = CallRecorder(selection.model, selection.entries)
        signature = [keras.tree.map_structure(relaxed_spec, inputs)]
        self._function = tf.function(self._run, input_signature=signature, autograph=False)

    def __call__(self, inputs: Any) -> tuple[Features, Any, list[tf.Tensor]]:
        """Activations, the model's output, its losses."""
        features, output, losses = self._function(inputs)
        return dict(features), output, list(losses)

    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Shapes of the activations."""
        features, _, _ = self._function.get_concrete_function().structured_outputs
        return {name: tuple(tensor.shape) for name, tensor in features.items()}

    def _run(self, inputs: Any) -> tuple[Features, Any, list[tf.Tensor]]:
        model = self._selection.model
        with losses_restored(model), self._recorder.recording() as forward:
            output = run(model, inputs, training=self._training)
            losses = list(model.losses)
        return _features(self._selection, self._named, forward), output, losses


def _features(selection: Selection, named: frozenset[int], forward: ForwardPass) -> Features:
    found: dict[int, Features] = {}
    for call, times in numbered_calls(forward):
        key = id(call.entry.layer)
        if key in named:
            label = selection.outputs[key]
            found.setdefault(key, {}).update((f"{label}{times}{part}", tensor) for part, tensor in named_outputs(call))
    features: Features = {}
    for key, label in selection.outputs.items():
        if key in named:
            features.update(_usable(selection, label, found.get(key, {})))
    taken = {id(tensor) for tensor in features.values()}
    chosen = captured_tensors(selection, forward, is_usable=is_readable_here)
    features.update((one.name, one.tensor) for one in chosen if id(one.tensor) not in taken)
    if selection.model_output:
        outputs = forward.outputs().items()
        features.update((f"{OUTPUT}:{key}" if key else OUTPUT, tensor) for key, tensor in outputs)
    if not features:
        raise ConfigError(f"{selection.model.name}: the selected layers did not run in this pass, or ran inside a loop")
    return features


def _usable(selection: Selection, label: str, tensors: Features) -> Features:
    if not tensors:
        raise ConfigError(f"{selection.model.name}: layer {label!r} does not run when the model is called like this")
    if not all(map(is_readable_here, tensors.values())):
        raise ConfigError(
            f"{selection.model.name}: layer {label!r} runs inside a loop or a tf.function of its own, from which no "
            "tensor can be taken; name the layer around it"
        )
    return tensors
