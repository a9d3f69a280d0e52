from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.errors import DataError, ModelError
from nano_u.evaluation import evaluate
from nano_u.evaluation.inputs import looks_like_probabilities

MakeImageSet = Callable[..., ImageSet]


def test_nan_logits_are_refused_with_the_first_image(make_image_set: MakeImageSet) -> None:
    logits = np.zeros((3, 2, 2, 1))
    logits[1, 0, 0] = np.nan

    with pytest.raises(ModelError, match=r"NaN for 1 of 3 images \(first: drive_1\)"):
        evaluate(logits, make_image_set(np.ones((3, 2, 2))), floor_probabilities=None)


@pytest.mark.parametrize("shape", [(3, 2, 2), (2, 2, 2, 1), (3, 4, 4, 1)])
def test_logits_of_another_shape_are_refused(make_image_set: MakeImageSet, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="must be equal"):
        evaluate(np.zeros(shape), make_image_set(np.ones((3, 2, 2))), floor_probabilities=None)


def test_no_images_are_refused(make_image_set: MakeImageSet) -> None:
    nothing = make_image_set(np.ones((1, 2, 2))).select([])

    with pytest.raises(DataError, match="no images"):
        evaluate(np.zeros((0, 2, 2, 1)), nothing, floor_probabilities=None)


@pytest.mark.parametrize(
    ("floor", "message"), [(np.zeros((3, 3)), "same size"), (np.full((2, 2), 255.0), r"in \[0, 1\]")]
)
def test_a_floor_that_does_not_fit_is_refused(make_image_set: MakeImageSet, floor: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(np.zeros((1, 2, 2, 1)), make_image_set(np.ones((1, 2, 2))), floor_probabilities=floor)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [([0.0, 0.5, 1.0], True), ([0.4, 0.6], False), ([-3.0, 0.0, 1.0], False), ([0.0, 7.0], False), ([0.98, 0.6], True)],
)
def test_outputs_between_zero_and_one_are_suspected(logits: list[float], expected: bool) -> None:
    assert looks_like_probabilities(np.array(logits, np.float32)) is expected
