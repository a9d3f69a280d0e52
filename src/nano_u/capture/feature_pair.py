"""Two layers whose activations are compared, whatever their widths, sizes and data formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import tensorflow as tf

from nano_u.capture.roles import agreed_channels_first, channels_first
from nano_u.capture.selection import OUTPUT, Selector, select_layers
from nano_u.errors import ConfigError, ModelError

Shape: TypeAlias = tuple[int | None, ...]


@dataclass(frozen=True)
class FeaturePair:
    """A student's layer, the teacher's that it is to follow, and whether their channels are on axis 1."""

    student: str
    student_first: bool
    teacher: str
    teacher_first: bool

    def widths(self, features: Mapping[str, Shape], hints: Mapping[str, Shape]) -> tuple[int, int]:
        """Channels of the student's and the teacher's layer."""
        for name, shapes in ((self.student, features), (self.teacher, hints)):
            if name not in shapes:
                raise ConfigError(f"layer mapping: {name!r} has several outputs; map a layer with one")
        mine, hint = features[self.student], hints[self.teacher]
        if len(mine) != len(hint) or not 2 <= len(mine) <= 5:
            raise ModelError(f"{self}: activations of shapes {mine} and {hint} cannot be matched")
        width, wanted = mine[1 if self.student_first else -1], hint[1 if self.teacher_first else -1]
        if width is None or wanted is None:
            raise ModelError(f"{self}: the number of channels is not fixed in {mine} and {hint}")
        return width, wanted

    def arranged(self, hint: tf.Tensor, feature: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The teacher's and the student's activations as float32, channels last, of one size."""
        hint = _channels_last(tf.cast(hint, tf.float32), self.teacher_first)
        feature = _channels_last(tf.cast(feature, tf.float32), self.student_first)
        sizes, wanted = tuple(feature.shape[1:-1]), tuple(hint.shape[1:-1])
        if sizes == wanted:
            return hint, feature
        if None in (*sizes, *wanted):
            raise ModelError(f"{self}: sizes {sizes} and {wanted} are not known before the model runs; fix them")
        common = tuple(map(min, sizes, wanted))
        return self._averaged(hint, common), self._averaged(feature, common)

    def _averaged(self, x: tf.Tensor, size: Sequence[int]) -> tf.Tensor:
        """`x` averaged over cells, so that `size` of them are left."""
        own = tuple(x.shape[1:-1])
        if own == tuple(size):
            return x
        cells = tuple(large // small for large, small in zip(own, size, strict=True))
        if any(large % small for large, small in zip(own, size, strict=True)):
            raise ModelError(f"{self}: an activation of size {own} cannot be averaged down to {tuple(size)}")
        return keras.ops.average_pool(x, cells, cells, "valid", "channels_last")

    def __str__(self) -> str:
        return f"{self.student!r} -> {self.teacher!r}"


def find_layer(model: keras.Model, reference: Selector) -> tuple[str, bool]:
    """The name under which an extractor returns the one layer that is meant, and whether its channels are on axis 1."""
    selection = select_layers(model, [reference])
    default = agreed_channels_first(entry.layer for entry in selection.entries)
    if selection.model_output:
        return OUTPUT, default
    is_pattern = isinstance(reference, str) and reference.startswith("/")
    if len(selection.outputs) != 1 or selection.by_role or is_pattern:
        raise ConfigError(f"layer mapping: {reference!r} must be one layer of {model.name!r}; give its name or path")
    ((key, label),) = selection.outputs.items()
    layer = next(entry.layer for entry in selection.entries if id(entry.layer) == key)
    return label, channels_first(layer, default)


def _channels_last(x: tf.Tensor, first: bool) -> tf.Tensor:
    return tf.transpose(x, [0, *range(2, x.shape.rank), 1]) if first and x.shape.rank > 2 else x
