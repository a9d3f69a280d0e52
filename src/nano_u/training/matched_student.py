"""A student in training whose layers are also drawn towards its teacher's."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nano_u.capture.feature_matching import FeatureMatching, LayerMapping


class MatchedStudent(keras.Model):
    """The student, with `weight` times the loss of feature matching added to its own, and logged as `feature_loss`.

    There is one pass of the student a step. The projections are trained here and left behind: what is saved is the
    student alone.
    """

    def __init__(self, student: keras.Model, teacher: keras.Model, layer_mapping: LayerMapping, weight: float) -> None:
        super().__init__(name=student.name)
        self.student = student
        self._matching = FeatureMatching(teacher, student, layer_mapping)
        self._projections = self._matching.projections  # tracked, and so trained
        self._weight = weight
        self._mean = keras.metrics.Mean(name="feature_loss")
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The student's output."""
        loss = self._matching.feature_loss(inputs, training=training)
        self._mean.update_state(loss, sample_weight=tf.shape(inputs)[0])
        self.add_loss(self._weight * loss)
        for penalty in self._matching.student_losses:
            self.add_loss(penalty)
        return self._matching.student_output

    def _get_regularization_losses(self) -> list[Any]:
        """Of weights: none, since those of the student are among its losses of each pass already."""
        return []

    def save(self, *arguments: Any, **options: Any) -> None:
        """Save the student."""
        self.student.save(*arguments, **options)
