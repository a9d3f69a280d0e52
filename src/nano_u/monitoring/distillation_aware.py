"""Distillation by features: a student's layers are drawn towards a teacher's, and both are scored for redundancy.

Romero et al., "FitNets: hints for thin deep nets", ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nano_u.capture.feature_matching import FeatureMatching
from nano_u.errors import DataError
from nano_u.monitoring.offline import analyze_layers, redundancy_dict


class DistillationAwareNAS(FeatureMatching):
    """Feature matching between a frozen teacher and a student, for training loops of one's own.

    `feature_loss`, `trainable_variables` (of the projections: give them to the optimizer together with the student's)
    and the arguments are those of `FeatureMatching`; `train_with_distillation` does the loop for you.

    >>> with tf.GradientTape() as tape:                                                       # doctest: +SKIP
    ...     loss = nas.feature_loss(images, training=True) + task_loss(masks, nas.student_output)
    """

    def analyze_layer_importance(self, dataset: Any) -> dict[str, dict[str, dict[str, Any]]]:
        """`{"teacher": {layer: fields}, "student": {layer: fields}}`: redundancy of the mapped layers of both.

        The fields are those of `analyze_model_redundancy`. All of `dataset` (arrays, `(x, y)`, a `tf.data.Dataset` or
        other batches) is streamed through each model in inference mode, so it must be readable more than once.

        Raises:
            DataError: no images, or an iterator that ends after one reading.
        """
        if isinstance(dataset, Iterator):
            raise DataError(
                "the dataset is read once for each model; give arrays, a tf.data.Dataset or a list of batches"
            )
        layers = {
            "teacher": (self.teacher, [hint for _, hint in self._references]),
            "student": (self.student, [mine for mine, _ in self._references]),
        }
        return {
            role: redundancy_dict(analyze_layers(model, dataset, layers=selectors))["layers"]
            for role, (model, selectors) in layers.items()
        }
