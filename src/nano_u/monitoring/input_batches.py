"""A whole dataset, in whatever form a Keras user holds it, as a stream of model inputs; never all of it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nano_u.data import ImageSet, as_floats
from nano_u.errors import DataError


@dataclass(frozen=True)
class InputBatches:
    """Model inputs batch by batch: each an array, or a structure of arrays, whose first axis is the image."""

    batches: Iterator[Any]
    images: int | None
    """Images that will come, None where only the end of the stream can tell."""


def input_batches(data: Any, batch_size: int, *, counted: bool = True) -> InputBatches:
    """The stream of `data`'s inputs; labels are left out.

    Arrays are cut into batches of `batch_size`: one array, a dictionary of them by input name, or what `fit` takes as
    `(x, y)`. An `ImageSet` gives float32 in [0, 1]. Everything else holds batches already: a Dataset, a PyDataset, a
    list or another iterable of `x`, `(x,)`, `(x, y)` or `(x, y, weights)`. When `counted`, what can be read twice is
    read once for its length.

    Raises:
        DataError: no images, data without end, or none of these forms.
    """
    if isinstance(data, ImageSet):
        return _cut(data.images, batch_size, convert=as_floats)
    if isinstance(data, (tuple, dict)) or hasattr(data, "shape"):
        return _cut(_inputs(data), batch_size)
    if isinstance(data, keras.utils.PyDataset):
        data = _PyDatasetBatches(data)
    if not isinstance(data, Iterable):
        raise DataError(f"expected images, (x, y), a Dataset or batches of them, got {type(data).__name__}")
    _refuse_pair(data)
    batches = iter(data)
    is_stream = batches is data
    images = None if is_stream or not counted else _count(data)
    return InputBatches(map(_inputs, batches), images)


def first_images(batches: Iterator[Any], images: int | None) -> Iterator[Any]:
    """Batches until `images` have come, all of them for None; no batch is cut, and none is read beyond that."""
    seen = 0
    while images is None or seen < images:
        batch = next(batches, None)
        if batch is None:
            return
        seen += image_count(batch)
        yield batch


def image_count(inputs: Any) -> int:
    """Images in one batch."""
    return int(keras.tree.flatten(inputs)[0].shape[0])


@dataclass(frozen=True)
class _PyDatasetBatches:
    """A PyDataset read once: by itself it goes on after its last batch."""

    dataset: keras.utils.PyDataset

    def __iter__(self) -> Iterator[Any]:
        length = self.dataset.num_batches
        return (self.dataset[index] for index in (count() if length is None else range(length)))


def _refuse_pair(data: Any) -> None:
    """A list of arrays that cannot be batches of one kind was meant as `(x, y)`."""
    if isinstance(data, list) and len({tuple(one.shape[1:]) for one in data if hasattr(one, "shape")}) > 1:
        raise DataError("a list holds batches, and these arrays are of different shapes; give (x, y) as a tuple")


def _cut(inputs: Any, batch_size: int, convert: Callable[[Any], Any] = lambda array: array) -> InputBatches:
    lengths = {int(array.shape[0]) for array in keras.tree.flatten(inputs)}
    if len(lengths) != 1:
        raise DataError(f"inputs hold different numbers of images: {', '.join(map(str, sorted(lengths)))}")
    (images,) = lengths

    def part(array: Any, start: int) -> Any:
        return convert(array[start : start + batch_size])

    starts = range(0, images, batch_size)
    return InputBatches(
        (keras.tree.map_structure(lambda array: part(array, start), inputs) for start in starts),  # noqa: B023
        images,
    )


def _count(data: Iterable[Any]) -> int:
    if isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise DataError("the Dataset never ends; give max_samples")
    if isinstance(data, _PyDatasetBatches) and data.dataset.num_batches is None:
        raise DataError(f"{type(data.dataset).__name__} never ends; give max_samples")
    return sum(image_count(_inputs(batch)) for batch in data)


def _inputs(batch: Any) -> Any:
    x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
    arrays = keras.tree.map_structure(lambda leaf: leaf if hasattr(leaf, "shape") else np.asarray(leaf), x)
    if any(len(array.shape) == 0 for array in keras.tree.flatten(arrays)):
        raise DataError(f"expected arrays of images, got {type(x).__name__}")
    return arrays
