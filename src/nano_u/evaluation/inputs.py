"""What an evaluation refuses: a metric on the wrong scale looks like a result."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nano_u.data.image_set import IGNORED, ImageSet
from nano_u.errors import DataError, ModelError


def checked_logits(logits: npt.NDArray[np.floating], image_set: ImageSet) -> npt.NDArray[np.float32]:
    """Logits as float32, after making sure that they and the masks can be compared pixel by pixel."""
    if len(image_set.names) == 0:
        raise DataError("there are no images to evaluate")
    _check_masks(image_set)
    if np.shape(logits) != image_set.masks.shape:
        raise DataError(f"logits have shape {np.shape(logits)}, masks {image_set.masks.shape}: they must be equal")
    logits = np.asarray(logits, np.float32)
    not_a_number = np.isnan(logits).any(axis=(1, 2, 3))
    if not_a_number.any():
        name = image_set.names[int(not_a_number.argmax())]
        raise ModelError(
            f"the model's output is NaN for {int(not_a_number.sum())} of {len(logits)} images (first: {name}); "
            "evaluate another checkpoint"
        )
    return logits


def checked_floor(probabilities: npt.NDArray[np.floating], image_set: ImageSet) -> npt.NDArray[np.float64]:
    """Floor probabilities `(height, width)`, after making sure that they fit the masks and lie in [0, 1]."""
    floor = np.asarray(probabilities, np.float64)
    if floor.shape != image_set.masks.shape[1:3]:
        raise DataError(
            f"the floor has shape {floor.shape}, masks {image_set.masks.shape[1:3]}: fit it on masks of the same size"
        )
    if not ((floor >= 0) & (floor <= 1)).all():
        raise DataError("floor probabilities must lie in [0, 1]")
    return floor


def looks_like_probabilities(logits: npt.NDArray[np.float32]) -> bool:
    """True where all outputs lie in [0, 1], some near an end: then a sigmoid was most likely applied already."""
    low, high = float(logits.min()), float(logits.max())
    return low >= 0.0 and high <= 1.0 and (low < 0.05 or high > 0.95)


def _check_masks(image_set: ImageSet) -> None:
    masks = image_set.masks
    if (masks == IGNORED).any() and not (masks == 1).any():
        raise DataError(
            f"the masks hold {IGNORED} (ignored) but nowhere 1 (foreground); if {IGNORED} means foreground, "
            "decode the masks to 0 and 1 first"
        )
