"""BatchNorm's running statistics of a run's saved model, checked and mended."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nano_u.data import ImageSet
from nano_u.data.pipeline import evaluation_batches
from nano_u.models import save_model
from nano_u.runs import atomic_path
from nano_u.training.batch_norm import BatchNormCheck, settle_batch_norm

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

CHECKED_IMAGES = 512


def settle(model: keras.Model, path: Path, train_data: ImageSet) -> BatchNormCheck | None:
    """Check the running statistics on a spread of training images; save `model` at `path` again if they were mended.

    The images are mixed as in training: in the set's own order a batch is of one drive, and no model was trained under
    the statistics of one drive.
    """
    images = train_data.spread(CHECKED_IMAGES)
    mixed = images.select(np.random.default_rng(0).permutation(len(images)))
    check = settle_batch_norm(model, evaluation_batches(mixed))
    if check is None or check.reestimated_iou is None:
        return check
    logger.warning(
        "BatchNorm's running statistics give IoU %.3f on training images, each batch's own %.3f; re-estimated they "
        "give %.3f, so they %s",
        check.inference_iou,
        check.training_iou,
        check.reestimated_iou,
        "lagged behind and were replaced" if check.reestimated else "stay as they are",
    )
    if check.reestimated:
        with atomic_path(path) as temporary:
            save_model(model, temporary)
    return check
