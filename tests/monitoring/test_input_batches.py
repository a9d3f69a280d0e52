from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.data import ImageSet
from nano_u.errors import DataError
from nano_u.monitoring.input_batches import first_images, input_batches
from nano_u.monitoring.probe_data import count_images, probe_batches

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3)).astype(np.uint8)
X = PIXELS.astype(np.float32) / np.float32(255)
Y = np.zeros((7, 4, 4, 1), np.float32)
WEIGHTS = np.ones(7, np.float32)


class Sequence(keras.utils.PyDataset):
    """Three batches; indexing goes on for ever."""

    def __init__(self, length: int | None = 3) -> None:
        super().__init__()
        self._length = length

    @property
    def num_batches(self) -> int | None:
        return self._length

    def __getitem__(self, index: int) -> Any:
        return X[3 * index : 3 * index + 3], Y[3 * index : 3 * index + 3]


def image_set() -> ImageSet:
    masks = np.zeros((7, 4, 4, 1), np.uint8)
    return ImageSet(PIXELS, masks, tuple(map(str, range(7))), ("a",) * 7)


def batches(*arrays: Any) -> list[Any]:
    """Batches of three out of arrays or tuples of arrays, labels and all."""
    parts = [tuple(array[start : start + 3] for array in arrays) for start in (0, 3, 6)]
    return parts if len(arrays) > 1 else [part[0] for part in parts]


FORMS: dict[str, Any] = {
    "array": lambda: X,
    "tensor": lambda: tf.constant(X),
    "array and labels": lambda: (X, Y),
    "array, labels and weights": lambda: (X, Y, WEIGHTS),
    "array alone in a tuple": lambda: (X,),
    "no labels": lambda: (X, None),
    "image set": image_set,
    "list of batches": lambda: batches(X),
    "list of labelled batches": lambda: batches(X, Y),
    "dataset": lambda: tf.data.Dataset.from_tensor_slices(X).batch(3),
    "labelled dataset": lambda: tf.data.Dataset.from_tensor_slices((X, Y, WEIGHTS)).batch(3),
    "filtered dataset": lambda: tf.data.Dataset.from_tensor_slices(X).filter(lambda x: True).batch(3),
    "PyDataset": Sequence,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_inputs_in_order_and_their_number(form: str) -> None:
    stream = input_batches(FORMS[form](), 3)

    parts = [np.asarray(batch) for batch in stream.batches]

    assert stream.images == 7
    assert [len(part) for part in parts] == [3, 3, 1]
    assert np.allclose(np.concatenate(parts), X, atol=1e-7, rtol=0)


@pytest.mark.parametrize("images", [5, 7, 9])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_first_images_to_probe_with(form: str, images: int) -> None:
    found = probe_batches(FORMS[form](), images)

    assert count_images(found) == min(images, 7)
    assert np.allclose(np.concatenate([np.asarray(batch) for batch in found]), X[:images], atol=1e-7, rtol=0)


@pytest.mark.parametrize("form", [iter, lambda data: (batch for batch in data)], ids=["iterator", "generator"])
def test_what_can_be_read_only_once_is_not_counted(form: Any) -> None:
    stream = input_batches(form(batches(X, Y)), 2)

    assert stream.images is None
    assert np.array_equal(np.concatenate(list(stream.batches)), X)


def test_several_inputs_stay_a_structure_and_arrays_keep_their_type() -> None:
    stream = input_batches({"left": PIXELS, "right": X}, 4)

    first, second = stream.batches

    assert (stream.images, first["left"].dtype, second["right"].shape) == (7, np.uint8, (3, 4, 4, 3))


def test_nothing_is_read_for_its_length_unless_it_is_asked_for() -> None:
    endless = tf.data.Dataset.from_tensor_slices(X).repeat().batch(3)

    stream = input_batches(endless, 3, counted=False)

    assert stream.images is None
    assert len(next(stream.batches)) == 3


class Endless(Sequence):
    """The same three batches again and again."""

    def __init__(self) -> None:
        super().__init__(None)

    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index % 3)


def test_the_first_images_of_an_endless_pydataset_can_be_had() -> None:
    stream = input_batches(Endless(), 3, counted=False)

    first = list(first_images(stream.batches, 8))

    assert stream.images is None
    assert [len(batch) for batch in first] == [3, 3, 1, 3]
    assert np.array_equal(np.concatenate(first), np.concatenate([X, X[:3]]))
    assert np.array_equal(np.concatenate(probe_batches(Endless(), 8)), np.concatenate([X, X[:1]]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tf.data.Dataset.from_tensor_slices(X).repeat().batch(3), "the Dataset never ends; give max_samples"),
        (Sequence(None), "Sequence never ends; give max_samples"),
        ({"a": X, "b": X[:3]}, "inputs hold different numbers of images: 3, 7"),
        (5, "expected images, (x, y), a Dataset or batches of them, got int"),
        (None, "expected images, (x, y), a Dataset or batches of them, got NoneType"),
        (["photo.png"], "expected arrays of images, got str"),
    ],
    ids=["dataset", "PyDataset", "lengths", "number", "none", "names"],
)
def test_what_holds_no_images_is_one_clear_line(data: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        input_batches(data, 3)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": X, "b": X[:3]}, "validation_data: inputs hold different numbers of images: 3, 7"),
        (["photo.png"], "validation_data: expected arrays of images, got str"),
        (iter([X[:0]]), "validation_data: no images in it"),
        ([], "validation_data: no images in it"),
    ],
    ids=["lengths", "names", "empty batch", "no batch"],
)
def test_images_to_probe_with_that_are_none_are_one_clear_line(data: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        probe_batches(data, 3)

    assert str(caught.value) == message


def test_a_list_of_images_and_masks_is_told_from_batches() -> None:
    with pytest.raises(DataError, match=r"different shapes; give \(x, y\) as a tuple"):
        input_batches([np.zeros((4, 8, 8, 3)), np.zeros((4, 8, 8, 1))], 2)

    batches = list(input_batches([np.zeros((4, 8, 8, 3)), np.ones((2, 8, 8, 3))], 2).batches)
    assert [batch.shape for batch in batches] == [(4, 8, 8, 3), (2, 8, 8, 3)]
