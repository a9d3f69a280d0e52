from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nano_u.data.image_set import ImageSet
from nano_u.evaluation import Gallery, choose_gallery

MakeImageSet = Callable[..., ImageSet]


def with_hits(make: MakeImageSet, hits: list[int], **options: object) -> tuple[ImageSet, np.ndarray]:
    """Images of ten foreground and ten background pixels of which the model finds `hits`: IoU = hits / 10."""
    masks = np.zeros((len(hits), 2, 10))
    masks[:, 0] = 1
    logits = np.full((len(hits), 2, 10, 1), -1.0)
    for logit, found in zip(logits, hits, strict=True):
        logit[0, :found] = 1.0
    return make(masks, **options), logits


def ious(gallery: Gallery, role: str) -> list[float | None]:
    return [image.iou for image in gallery.images if image.role == role]


def test_the_worst_the_middle_and_the_best_are_chosen_worst_first(make_image_set: MakeImageSet) -> None:
    image_set, logits = with_hits(make_image_set, [5, 0, 9, 3, 7, 1, 10, 2, 8, 4, 6])

    gallery = choose_gallery(logits, image_set, worst=3, median=1, best=2, apart=1)

    assert ious(gallery, "worst") == [0.0, 0.1, 0.2]
    assert ious(gallery, "median") == [0.5]
    assert ious(gallery, "best") == [0.9, 1.0]
    assert [image.iou for image in gallery.images] == [0.0, 0.1, 0.2, 0.5, 0.9, 1.0]
    assert gallery.candidates == 11
    assert not gallery.neighbours_skipped


def test_the_choice_does_not_depend_on_the_order_of_the_images(make_image_set: MakeImageSet) -> None:
    image_set, logits = with_hits(make_image_set, [5, 5, 5, 5, 5, 5, 9, 9, 1, 1, 1, 1])
    order = np.random.default_rng(0).permutation(12)

    names = [
        [(image.name, image.role) for image in choose_gallery(scores, images, worst=2, median=1, best=1).images]
        for scores, images in ((logits, image_set), (logits[order], image_set.select(order)))
    ]

    assert names[0] == names[1]


def test_neighbours_of_a_chosen_frame_are_skipped_while_there_are_others(make_image_set: MakeImageSet) -> None:
    hits = [8, 8, 1, 0, 1, 8, 8, 8, 8, 2, 8, 8]
    image_set, logits = with_hits(make_image_set, hits)

    gallery = choose_gallery(logits, image_set, worst=2, median=0, best=0, apart=3)

    assert [image.name for image in gallery.images] == ["drive_3", "drive_9"]
    assert gallery.neighbours_skipped


def test_frames_of_other_recordings_are_not_neighbours(make_image_set: MakeImageSet) -> None:
    image_set, logits = with_hits(make_image_set, [0, 1, 9, 9], groups=("a", "b", "a", "b"))

    gallery = choose_gallery(logits, image_set, worst=2, median=0, best=0, apart=5)

    assert [image.name for image in gallery.images] == ["a_0", "b_1"]


def test_neighbours_fill_up_when_there_is_nothing_else(make_image_set: MakeImageSet) -> None:
    image_set, logits = with_hits(make_image_set, [3, 2, 1])

    gallery = choose_gallery(logits, image_set, worst=2, median=0, best=0, apart=100)

    assert ious(gallery, "worst") == [0.1, 0.2]


@pytest.mark.parametrize("count", [1, 2, 5, 8, 9])
def test_no_image_is_shown_twice_however_few_there_are(make_image_set: MakeImageSet, count: int) -> None:
    image_set, logits = with_hits(make_image_set, list(range(count)))

    names = [image.name for image in choose_gallery(logits, image_set).images]

    assert len(names) == len(set(names)) == min(count, 8)


def test_of_equal_iou_more_wrong_pixels_are_worse(make_image_set: MakeImageSet) -> None:
    masks = np.zeros((2, 2, 10))
    logits = np.full((2, 2, 10, 1), -1.0)
    logits[0, 0, :2] = 1.0
    logits[1, 0, :7] = 1.0

    gallery = choose_gallery(logits, make_image_set(masks), worst=1, median=0, best=0)

    assert [(image.iou, image.wrong_pixels) for image in gallery.images] == [(0.0, 7)]


def test_an_image_with_nothing_to_find_and_nothing_found_is_right(make_image_set: MakeImageSet) -> None:
    image_set, logits = with_hits(make_image_set, [10, 4])
    masks = np.concatenate([image_set.masks[..., 0], np.zeros((1, 2, 10))])
    logits = np.concatenate([logits, np.full((1, 2, 10, 1), -1.0)])

    gallery = choose_gallery(logits, make_image_set(masks), worst=1, median=1, best=1, apart=1)

    assert [(image.role, image.iou) for image in gallery.images] == [("worst", 0.4), ("median", None), ("best", 1.0)]


def test_the_record_holds_what_is_drawn(make_image_set: MakeImageSet) -> None:
    image_set = make_image_set(np.array([[[1, 0], [255, 1]]]))
    logits = np.array([[[3.0, 3.0], [3.0, -3.0]]])[..., None]

    (image,) = choose_gallery(logits, image_set, threshold=0.5).images

    assert image.truth.tolist() == [[1, 0], [255, 1]]
    assert image.prediction.tolist() == [[True, True], [True, False]]
    assert image.image.shape == (2, 2, 3)
    assert (image.iou, image.wrong_pixels) == (pytest.approx(1 / 3), 2)
