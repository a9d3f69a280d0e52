"""Fixed images to probe a model with, out of whatever a Keras user holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from nano_u.errors import DataError

PROBE_BATCH = 16


def probe_batches(data: Any, max_samples: int) -> list[Any]:
    """The first `max_samples` model inputs of `data` as batches of arrays, kept in memory.

    `data` is an array or structure of arrays, `(x, y)` as for `fit`, a batched `tf.data.Dataset`, a `PyDataset`, or
    any iterable of batches; labels are ignored. Raises DataError where there is none.
    """
    batches: Iterable[Any]
    if _is_arrays(data):
        batches = _slices(_inputs(data), max_samples)
    elif isinstance(data, keras.utils.PyDataset):
        batches = [_inputs(data[index]) for index in range(min(len(data), max_samples))]
    elif isinstance(data, Iterable):
        batches = _first(data, max_samples)
    else:
        raise DataError(f"validation_data: expected arrays, a Dataset or batches, got {type(data).__name__}")
    kept = list(_limited(batches, max_samples))
    if not kept:
        raise DataError("validation_data: no images in it")
    return kept


def count_images(batches: list[Any]) -> int:
    """Images in all batches."""
    return sum(_length(batch) for batch in batches)


def _is_arrays(data: Any) -> bool:
    """Whether every leaf is an array, so that `data` holds images rather than batches; a list of pairs is batches."""
    if isinstance(data, list) and any(isinstance(item, tuple) for item in data):
        return False
    leaves = [leaf for leaf in keras.tree.flatten(data) if leaf is not None]
    return bool(leaves) and all(hasattr(leaf, "shape") and hasattr(leaf, "__array__") for leaf in leaves)


def _inputs(batch: Any) -> Any:
    x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
    return keras.tree.map_structure(np.asarray, x)


def _slices(inputs: Any, max_samples: int) -> Iterator[Any]:
    for start in range(0, min(_length(inputs), max_samples), PROBE_BATCH):
        end = min(start + PROBE_BATCH, max_samples)
        yield keras.tree.map_structure(lambda array, start=start, end=end: array[start:end], inputs)


def _first(data: Iterable[Any], max_samples: int) -> Iterator[Any]:
    count = 0
    for batch in data:
        inputs = _inputs(batch)
        count += _length(inputs)
        yield inputs
        if count >= max_samples:
            return


def _limited(batches: Iterable[Any], max_samples: int) -> Iterator[Any]:
    left = max_samples
    for batch in batches:
        if left <= 0:
            return
        yield keras.tree.map_structure(lambda array, left=left: array[:left], batch)
        left -= _length(batch)


def _length(inputs: Any) -> int:
    return int(keras.tree.flatten(inputs)[0].shape[0])
