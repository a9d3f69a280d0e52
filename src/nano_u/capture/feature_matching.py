"""Feature matching: how far a student's layers are from a frozen teacher's, in a form that can be minimised.

Romero et al., "FitNets: hints for thin deep nets", ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from nano_u.capture.extractor import ActivationExtractor
from nano_u.capture.feature_pair import FeaturePair, find_layer
from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.model_inputs import build_with, input_specs
from nano_u.capture.selection import OUTPUT, Selector
from nano_u.errors import ConfigError

LayerMapping: TypeAlias = Mapping[Selector, Selector] | Sequence[tuple[Selector, Selector]]
"""Student layers and the teacher's that they follow: names, paths, the layers themselves, or `"output"`."""


class FeatureMatching:
    """The mean squared difference between activations of mapped layers.

    Where the channel counts differ, a trained 1x1 projection takes the student's channels to the teacher's: its
    weights are `trainable_variables`. Where the sizes differ, the larger activation is averaged down to the smaller.

    Args:
        teacher: only ever run in inference mode; no gradient reaches it and none of its variables change.
        student: any Keras model that takes the same inputs.
        layer_mapping: `{student layer: teacher layer}`, or pairs in that order.

    Raises:
        ConfigError: an unknown layer (with the close names), something that is not one layer, an empty mapping; with
            the first loss rather than now where a model has not been built.
        ModelError: activations that cannot be matched: another rank, or sizes that do not divide each other.
    """

    def __init__(self, teacher: keras.Model, student: keras.Model, layer_mapping: LayerMapping) -> None:
        self.teacher = teacher
        self.student = student
        self._references = _pairs(layer_mapping)
        self._pairs: tuple[FeaturePair, ...] = ()
        self._projections: dict[int, keras.layers.Dense] | None = None
        if teacher.built and student.built:
            self._connect()
            specs = input_specs(student)
            if specs is not None:
                self._make_projections(specs)

    @property
    def projections(self) -> list[keras.layers.Dense]:
        """The 1x1 projections, one for each pair of different widths."""
        return list((self._projections or {}).values())

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Weights of the projections; those of models that were built are there from the start."""
        return [variable for layer in self.projections for variable in layer.trainable_variables]

    @property
    def student_output(self) -> Any:
        """What the student returned in the last `feature_loss`: no second pass is needed for the task's own loss."""
        return self._student_features.output

    @property
    def student_losses(self) -> list[tf.Tensor]:
        """`student.losses` of the last `feature_loss`: penalties of its regularizers."""
        return self._student_features.losses

    @property
    def teacher_output(self) -> Any:
        """What the teacher returned in the last `feature_loss`."""
        return keras.tree.map_structure(tf.stop_gradient, self._teacher_features.output)

    def feature_loss(self, x: Any, training: bool = False) -> tf.Tensor:
        """Mean over pairs of the mean squared difference on inputs `x`; a float32 scalar.

        Differentiable in the student's and the projections' weights, eagerly and in a `tf.function`. `training` is the
        student's mode; its running statistics move once.
        """
        inputs = keras.tree.map_structure(tf.convert_to_tensor, x)
        if not self._pairs:
            build_with(self.teacher, inputs)
            build_with(self.student, inputs)
            self._connect()
        if self._projections is None:
            self._make_projections(inputs)
        hints = self._teacher_features(inputs, training=False)
        features = self._student_features(inputs, training=training)
        losses = []
        for index, pair in enumerate(self._pairs):
            hint, feature = pair.arranged(hints[pair.teacher], features[pair.student])
            projection = (self._projections or {}).get(index)
            matched = feature if projection is None else projection(feature)
            losses.append(tf.reduce_mean(tf.math.squared_difference(matched, tf.stop_gradient(hint))))
        return tf.add_n(losses) / float(len(losses))

    def _connect(self) -> None:
        """Find the layers in both models."""
        found = []
        for mine, hint in self._references:
            if not _is_layer_of(self.student, mine) and _is_layer_of(self.teacher, mine):
                name = mine if isinstance(mine, str) else mine.name
                raise ConfigError(f"layer mapping: goes from student to teacher layers, but {name!r} is the teacher's")
            found.append(FeaturePair(*find_layer(self.student, mine), *find_layer(self.teacher, hint)))
        self._pairs = tuple(found)
        self._student_features = ActivationExtractor(self.student, [pair.student for pair in self._pairs])
        self._teacher_features = ActivationExtractor(self.teacher, [pair.teacher for pair in self._pairs])

    def _make_projections(self, inputs: Any) -> None:
        """A projection for each pair of different widths; lifted out of a graph that is being traced."""
        features, hints = self._student_features.shapes(inputs), self._teacher_features.shapes(inputs)
        made: dict[int, keras.layers.Dense] = {}
        for index, pair in enumerate(self._pairs):
            width, wanted = pair.widths(features, hints)
            if width != wanted:
                name = f"{pair.student}_to_{pair.teacher}".replace("/", "_")
                made[index] = keras.layers.Dense(wanted, name=name)
                with tf.init_scope():
                    made[index].build((None, width))
        self._projections = made


def _pairs(layer_mapping: LayerMapping) -> tuple[tuple[Selector, Selector], ...]:
    given = layer_mapping.items() if isinstance(layer_mapping, Mapping) else layer_mapping
    pairs = tuple(tuple(pair) if isinstance(pair, (tuple, list)) else (pair,) for pair in given)
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ConfigError(
            f"layer_mapping must be {{student layer: teacher layer}} or such pairs, got {layer_mapping!r}"
        )
    return pairs  # type: ignore[return-value]


def _is_layer_of(model: keras.Model, reference: Selector) -> bool:
    return reference == OUTPUT or any(
        reference is entry.layer or reference in (entry.path, entry.name) for entry in layer_tree(model)
    )
