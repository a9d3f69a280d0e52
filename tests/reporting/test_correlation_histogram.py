from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from tests.reporting.monitored import assert_texts_are_apart_and_inside, labels, logged, monitored, recorded, texts

from nano_u.reporting.correlation_histogram import (
    CorrelationHistogram,
    correlation_histogram,
    draw_correlation_histogram,
)
from nano_u.reporting.figure_style import new_figure
from nano_u.reporting.monitored_run import Correlations


def histogram(found: Correlations | None) -> CorrelationHistogram:
    return correlation_histogram(monitored(logged(1), correlations=found))


def draw(data: CorrelationHistogram) -> Axes:
    axes = new_figure(3.5, 2.5).add_subplot()
    draw_correlation_histogram(data, axes, title="Distribution")
    return axes


TWO_STEPS = recorded([[[1, 1, 0, 0], [2, 0, 0, 0]], [[0, 4, 0, 1], [0, 1, 2, 2]]])


def test_pairs_of_all_layers_are_added_and_told_as_shares() -> None:
    assert histogram(TWO_STEPS) == CorrelationHistogram(
        edges=(0.0, 0.25, 0.5, 0.75, 1.0), last=(0.0, 0.5, 0.2, 0.3), first=(0.75, 0.25, 0.0, 0.0), pairs=10
    )


def test_what_was_not_recorded_is_never_shown() -> None:
    """There the file holds numbers that mean nothing."""
    found = histogram(recorded([[None, [1, 0, 0, 3]], [None, None], [[0, 0, 5, 0], None], [None, None]]))

    assert found.first == (0.25, 0.0, 0.0, 0.75)
    assert found.last == (0.0, 0.0, 1.0, 0.0)
    assert found.pairs == 5


def test_the_first_step_is_the_first_that_was_recorded() -> None:
    found = histogram(recorded([[None, None], [None, [3, 1, 0, 0]], [[0, 0, 0, 2], None]]))

    assert found.first == (0.75, 0.25, 0.0, 0.0)


def test_a_single_recorded_step_is_the_last_one() -> None:
    found = histogram(recorded([[None, None], [[3, 1, 0, 0], None]]))

    assert found.first is None
    assert found.last == (0.75, 0.25, 0.0, 0.0)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "not recorded: there is no file of correlations"),
        (recorded([[None, None]]), "not recorded: no layer has two live channels"),
        (recorded([], layers=("a",)), "not recorded: no layer has two live channels"),
    ],
)
def test_without_a_recorded_histogram_there_is_a_reason_and_nothing_else(
    found: Correlations | None, reason: str
) -> None:
    assert histogram(found) == CorrelationHistogram((), None, None, 0, reason)


def test_the_scale_of_counts_does_not_matter() -> None:
    few, many = (
        histogram(recorded([[[1, 2, 0, 1]]], layers="a")),
        histogram(recorded([[[100, 200, 0, 100]]], layers="a")),
    )

    assert few.last == many.last
    assert (few.pairs, many.pairs) == (4, 400)


def test_the_bars_are_the_shares_in_percent() -> None:
    axes = draw(histogram(TWO_STEPS))

    last, first = (patch.get_data() for patch in axes.patches)
    assert last.values == pytest.approx([0, 50, 20, 30])
    assert first.values == pytest.approx([75, 25, 0, 0])
    assert list(last.edges) == [0, 0.25, 0.5, 0.75, 1]
    assert [patch.get_fill() for patch in axes.patches] == [True, False]
    assert labels(axes) == ["last step, 10 pairs", "first step"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("|r| of a channel pair", "share of pairs (%)")
    assert axes.get_xlim() == (0, 1)


def test_a_single_recorded_step_has_no_outline() -> None:
    axes = draw(histogram(recorded([[[3, 1, 0, 0], None]])))

    assert labels(axes) == ["last step, 4 pairs"]


def test_the_panel_says_that_nothing_was_recorded_and_draws_nothing() -> None:
    axes = draw(histogram(None))

    assert texts(axes) == ["not recorded:\nthere is no file of correlations"]
    assert not axes.patches
    assert axes.get_legend() is None
    assert not list(axes.get_xticks())
    assert_texts_are_apart_and_inside(axes.figure)
