from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from tests.reporting.monitored import assert_texts_are_apart_and_inside, labels, line, logged, monitored, texts

from nano_u.config import ThresholdsConfig
from nano_u.reporting.condition_figure import ConditionOverTraining, condition_over_training, draw_condition_panel
from nano_u.reporting.figure_style import new_figure
from nano_u.reporting.training_axis import TrainingAxis


def data(*values: float | None, poor: float = 1e6) -> ConditionOverTraining:
    steps = (logged(epoch, condition_number=value) for epoch, value in enumerate(values, 1))
    return condition_over_training(monitored(*steps), ThresholdsConfig(poor_conditioning=poor))


def draw(found: ConditionOverTraining) -> Axes:
    axes = new_figure(3.5, 2.5).add_subplot()
    draw_condition_panel(found, axes, title="Condition number")
    axes.figure.draw_without_rendering()
    return axes


def test_the_record_holds_the_number_of_every_step_and_the_threshold() -> None:
    assert data(10.0, None, 1e7, poor=2e5) == ConditionOverTraining(
        TrainingAxis("epoch", (1, 2, 3)), (10.0, None, 1e7), 2e5
    )


def test_the_line_is_the_record_on_a_logarithmic_axis_that_begins_at_one() -> None:
    axes = draw(data(10.0, None, 1e7))

    assert line(axes, "worst layer") == ([1, 2, 3], [10.0, None, 1e7])
    assert line(axes, "poor above 1e+06")[1] == [1e6, 1e6]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] == 1
    assert axes.get_ylim()[1] > 1e7
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "condition number")


@pytest.mark.parametrize(("poor", "label"), [(1.5e6, "1.5e+06"), (2500.0, "2500"), (1e6, "1e+06")])
def test_the_threshold_is_told_as_it_is(poor: float, label: str) -> None:
    assert labels(draw(data(10.0, 20.0, poor=poor)))[1] == f"poor above {label}"


@pytest.mark.parametrize("value", [1.0, 30.0, 1e12])
def test_a_single_step_is_a_mark_at_a_whole_epoch(value: float) -> None:
    axes = draw(data(value))

    assert axes.lines[0].get_marker() == "o"
    assert line(axes, "worst layer") == ([1], [value])
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


def test_the_best_number_under_the_lowest_threshold_is_drawn() -> None:
    axes = draw(data(1.0, 1.0, poor=1.0))

    assert axes.get_ylim()[0] == 1 < axes.get_ylim()[1]


@pytest.mark.parametrize("values", [(None,), (None, None, None)])
def test_without_any_number_the_panel_says_so(values: tuple[None, ...]) -> None:
    axes = draw(data(*values))

    assert texts(axes) == ["not defined"]
    assert not axes.lines
    assert axes.get_legend() is None


def test_texts_lie_apart_and_inside() -> None:
    assert_texts_are_apart_and_inside(draw(data(*(10.0**exponent for exponent in range(1, 16)))).figure)
