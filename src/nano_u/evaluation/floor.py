"""The no-learning floor: what the training masks alone predict, without looking at an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.data.image_set import IGNORED
from nano_u.errors import DataError


@dataclass(frozen=True, eq=False)
class MeanMaskFloor:
    """How often each pixel was foreground in training; a model that has learnt anything beats this, thresholded."""

    probabilities: npt.NDArray[np.float64]
    """`(height, width)`, in [0, 1]."""

    @classmethod
    def fit(cls, train_masks: npt.NDArray[np.uint8]) -> MeanMaskFloor:
        """Floor of masks `(images, height, width, 1)` with values 0, 1 or `IGNORED`.

        A pixel that was ignored in every mask takes the mean of all others.
        """
        if len(train_masks) == 0:
            raise DataError("the no-learning floor needs at least one training mask, got none")
        foreground = np.count_nonzero(train_masks == 1, axis=0)
        labelled = np.count_nonzero(train_masks != IGNORED, axis=0)
        if not labelled.any():
            raise DataError(f"every pixel of the training masks is ignored ({IGNORED}): nothing to average")
        overall = foreground.sum() / labelled.sum()
        mean = np.where(labelled > 0, foreground / np.maximum(labelled, 1), overall)
        return cls(mean.reshape(train_masks.shape[1:3]))

    def predict_probabilities(self) -> npt.NDArray[np.float64]:
        """The same `(height, width)` probabilities for every image."""
        return self.probabilities
