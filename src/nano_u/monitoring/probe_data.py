"""Fixed images to probe a model with, out of whatever a Keras user holds."""

from __future__ import annotations

from typing import Any

import keras

from nano_u.errors import DataError
from nano_u.monitoring.input_batches import first_images, image_count, input_batches

PROBE_BATCH = 16


def probe_batches(data: Any, max_samples: int) -> list[Any]:
    """The first `max_samples` model inputs of `data` as batches of arrays, kept in memory.

    `data` comes in any form that `input_batches` reads. Raises DataError where there is no image.
    """
    try:
        stream = input_batches(data, PROBE_BATCH, counted=False)
        kept = list(first_images(stream.batches, max_samples))
    except DataError as error:
        raise DataError(f"validation_data: {error}") from error
    too_many = count_images(kept) - max_samples
    if too_many > 0:
        kept[-1] = keras.tree.map_structure(lambda array: array[:-too_many], kept[-1])
    if not count_images(kept):
        raise DataError("validation_data: no images in it")
    return kept


def count_images(batches: list[Any]) -> int:
    """Images in all batches."""
    return sum(map(image_count, batches))
