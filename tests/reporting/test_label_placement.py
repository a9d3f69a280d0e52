from __future__ import annotations

import itertools

import numpy as np
import pytest

from nano_u.reporting.label_placement import GAP, NEAR, Box, place_labels

PAGE = Box(0, 0, 300, 200)
SIZE = (40.0, 10.0)


def test_boxes_measure_what_they_share_and_how_far_a_point_is() -> None:
    box = Box(0, 0, 4, 2)

    assert (box.area, box.grown(1), box.overlap(Box(3, 1, 9, 9)), box.overlap(Box(4, 0, 9, 9))) == (
        8,
        Box(-1, -1, 5, 3),
        1,
        0,
    )
    assert (box.nearest((9, 1)), box.distance((7, 6)), box.distance((1, 1))) == ((4, 1), 5, 0)


def test_a_label_with_room_stands_right_of_its_point_in_the_middle() -> None:
    (box,) = place_labels([(100, 100)], [SIZE], inside=PAGE)

    assert box == Box(108, 95, 148, 105)


def test_at_the_right_edge_it_stands_left() -> None:
    (box,) = place_labels([(290, 100)], [SIZE], inside=PAGE)

    assert box == pytest.approx(Box(242, 95, 282, 105))


def test_an_obstacle_on_both_sides_moves_it_up_or_down() -> None:
    walls = [Box(104, 90, 300, 110), Box(0, 90, 96, 110)]

    (box,) = place_labels([(100, 100)], [SIZE], inside=PAGE, obstacles=walls)

    assert all(box.grown(GAP).overlap(wall) == 0 for wall in walls)
    assert box.bottom >= 110 or box.top <= 90


@pytest.mark.parametrize("seed", range(5))
def test_eight_labels_among_eight_marks_lie_on_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = [(float(x), float(y)) for x, y in random.uniform((20, 20), (280, 180), size=(8, 2))]
    marks = [Box(x, y, x, y).grown(4) for x, y in points]

    boxes = place_labels(points, [SIZE] * 8, inside=PAGE, obstacles=marks)

    assert all(first.overlap(second) == 0 for first, second in itertools.combinations(boxes, 2))
    assert all(box.overlap(mark) == 0 for box in boxes for mark in marks)
    assert all(box.overlap(PAGE) == pytest.approx(box.area) for box in boxes)


def test_a_label_is_not_put_where_it_would_be_read_as_a_neighbours() -> None:
    """Right of the first point is free, but that place is nearer to the second."""
    first, second = (100.0, 100.0), (120.0, 100.0)

    boxes = place_labels([first, second], [SIZE] * 2, inside=PAGE)

    for box, own, other in zip(boxes, (first, second), (second, first), strict=True):
        assert box.distance(other) >= min(NEAR, box.distance(own))


def test_a_label_is_not_put_behind_another_point() -> None:
    """The nearest free place of the second point lies straight behind the first: a line there would cross the first."""
    points = [(120.0, 100.0), (128.0, 100.0)]
    walls = [Box(131, 0, 300, 200), Box(90, 104, 131, 200), Box(90, 0, 131, 96)]

    boxes = place_labels(points, [(12.0, 8.0)] * 2, inside=PAGE, obstacles=walls)

    x, y = boxes[1].nearest(points[1])
    height_at_first = 100 + (y - 100) * (120 - 128) / (x - 128)
    assert x < 120
    assert abs(height_at_first - 100) >= GAP


def test_without_any_free_place_every_label_still_has_one() -> None:
    boxes = place_labels([(5, 5)] * 3, [SIZE] * 3, inside=Box(0, 0, 10, 10))

    assert [(box.right - box.left, box.top - box.bottom) for box in boxes] == [pytest.approx(SIZE)] * 3
