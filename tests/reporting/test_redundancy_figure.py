from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from tests.reporting.monitored import (
    SUFFIXES,
    assert_texts_are_apart_and_inside,
    labels,
    layer,
    line,
    logged,
    monitored,
    realistic_run,
    save_everywhere,
    texts,
)

from nano_u.config import ThresholdsConfig
from nano_u.reporting.figure_style import INK, VERMILION
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.redundancy_figure import (
    NAMED_LAYERS,
    LayerLine,
    RedundancyOverTraining,
    draw_redundancy,
    redundancy_over_training,
)
from nano_u.reporting.training_axis import TrainingAxis
from nano_u.reporting.trend import Trend

RUN = monitored(
    logged(1, 0.4, layer("a", 0.2), layer("b", 0.6, score_low=0.5, score_high=0.7)),
    logged(2, None, layer("a", None), layer("b", 0.7, score_low=0.65, score_high=0.75)),
    logged(3, 0.5, layer("a", 0.3, score_low=0.25, score_high=0.4), layer("b", None)),
)


def data(run: MonitoredRun = RUN) -> RedundancyOverTraining:
    return redundancy_over_training(run, ThresholdsConfig())


def draw(run: MonitoredRun = RUN) -> Figure:
    return draw_redundancy(data(run))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_record_holds_every_score_and_the_interval_of_the_last_defined_one() -> None:
    found = data()

    assert found.axis == TrainingAxis("epoch", (1, 2, 3))
    assert found.model == (0.4, None, 0.5)
    assert found.layers == (
        LayerLine("a", (0.2, None, 0.3), 0.25, 0.4),
        LayerLine("b", (0.6, 0.7, None), 0.65, 0.75),
    )
    assert [entry.last for entry in found.layers] == [0.3, 0.7]
    assert [band.name for band in found.bands] == ["excellent", "good", "moderate", "high"]
    assert found.trend == Trend("too short to tell")


def test_the_trend_is_that_of_the_model_over_its_defined_steps() -> None:
    scores = [0.1, None, *(0.1 * index for index in range(2, 11))]

    found = data(monitored(*(logged(epoch, score) for epoch, score in enumerate(scores))))

    assert found.trend.word == "rising"
    assert found.trend.change == pytest.approx(0.5)


def test_layers_that_come_and_go_have_gaps_and_keep_the_order_of_their_first_step() -> None:
    found = data(
        monitored(
            logged(1, 0.5, layer("b", 0.1)),
            logged(2, 0.5, layer("a", 0.2), layer("b", 0.3)),
            logged(3, 0.5),
        )
    )

    assert [(entry.layer, entry.scores) for entry in found.layers] == [
        ("b", (0.1, 0.3, None)),
        ("a", (None, 0.2, None)),
    ]


def test_a_layer_without_any_score_has_no_last_one_and_no_interval() -> None:
    dead = data(monitored(logged(1, None, layer("dead", None, score_low=0.1, score_high=0.9))))

    assert dead.layers == (LayerLine("dead", (None,), None, None),)
    assert dead.layers[0].last is None
    assert dead.named() == ()


def test_named_are_the_layers_that_end_highest_whatever_they_were_before() -> None:
    ends = {"a": 0.1, "b": 0.6, "c": 0.3, "d": None, "e": 0.0, "f": 0.9, "g": 0.5}
    run = monitored(
        logged(1, 0.5, *(layer(name, 0.99 - (end or 0.0)) for name, end in ends.items() if name != "d")),
        logged(2, 0.5, *(layer(name, end) for name, end in ends.items())),
    )

    assert [entry.layer for entry in data(run).named()] == ["f", "b", "g", "c", "a"]
    assert NAMED_LAYERS == 5


def test_a_score_of_zero_is_a_score() -> None:
    run = monitored(logged(1, 0.0, layer("a", 0.0)), logged(2, 0.0, layer("a", 0.0)))

    figure = draw(run)

    assert legend(figure) == ["0.00  model, too short to tell", "0.00  a"]
    assert line(figure.axes[0], "0.00  a") == ([1, 2], [0.0, 0.0])


def test_of_equal_ends_the_first_layer_comes_first() -> None:
    run = monitored(logged(1, 0.5, *(layer(name, 0.5) for name in "bac")))

    assert [entry.layer for entry in data(run).named()] == ["b", "a", "c"]


def test_the_lines_are_the_record_and_the_axes_say_what_they_show() -> None:
    figure = draw()

    axes = figure.axes[0]
    assert line(axes, "0.50  model, too short to tell") == ([1, 2, 3], [0.4, None, 0.5])
    assert line(axes, "0.70  b") == ([1, 2, 3], [0.6, 0.7, None])
    assert line(axes, "0.30  a") == ([1, 2, 3], [0.2, None, 0.3])
    assert legend(figure) == ["0.50  model, too short to tell", "0.70  b", "0.30  a"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "redundancy score (0 to 1)")
    assert axes.get_ylim() == (0, 1)
    assert axes.get_xlim()[0] < 1
    assert axes.get_xlim()[1] > 3
    assert list(axes.get_xticks()) == [1, 2, 3]


def test_the_bands_are_where_the_thresholds_are_and_have_their_names() -> None:
    axes = draw().axes[0]

    assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [
        ("excellent", pytest.approx(0.15)),
        ("good", pytest.approx(0.4)),
        ("moderate", pytest.approx(0.6)),
        ("high", pytest.approx(0.85)),
    ]
    assert [(patch.get_y(), pytest.approx(patch.get_y() + patch.get_height())) for patch in axes.patches] == [
        (0.0, 0.3),
        (0.3, 0.5),
        (0.5, 0.7),
        (0.7, 1.0),
    ]
    assert len({to_hex(patch.get_facecolor(), keep_alpha=True) for patch in axes.patches}) == 4


def test_a_band_too_thin_for_its_name_has_none() -> None:
    thresholds = ThresholdsConfig(low_redundancy=0.5, moderate_redundancy=0.54, high_redundancy=0.7)

    axes = draw_redundancy(redundancy_over_training(RUN, thresholds)).axes[0]

    assert texts(axes) == ["excellent", "moderate", "high"]
    assert len(axes.patches) == 4


def test_an_interval_stands_at_the_step_that_it_belongs_to() -> None:
    axes = draw().axes[0]

    bars = [collection.get_segments()[0].tolist() for collection in axes.collections]
    assert bars == [
        [[2, pytest.approx(0.65)], [2, pytest.approx(0.75)]],
        [[3, pytest.approx(0.25)], [3, pytest.approx(0.4)]],
    ]


def test_the_highest_layer_has_the_strongest_colour_and_every_named_one_another() -> None:
    axes = draw(realistic_run(epochs=3)).axes[0]

    named = [entry for entry in axes.lines if entry.get_linewidth() == 1.3]
    assert len(named) == NAMED_LAYERS
    assert named[0].get_color() == VERMILION
    assert len({entry.get_color() for entry in named}) == NAMED_LAYERS
    assert next(entry for entry in axes.lines if "model" in str(entry.get_label())).get_color() == INK


def test_all_layers_are_drawn_and_those_without_a_name_are_counted() -> None:
    run = realistic_run(epochs=3)

    figure = draw(run)

    axes = figure.axes[0]
    drawn = [entry for entry in axes.lines if len(entry.get_xdata()) == 3]
    assert len(drawn) == 41
    assert len(legend(figure)) == 1 + NAMED_LAYERS + 1
    assert legend(figure)[-1] == "35 other layers"
    by_score = sorted(run.layer_scores().values(), key=lambda scores: -(scores[-1] or 0.0))
    in_order = [scores for scores in run.layer_scores().values() if scores not in by_score[:NAMED_LAYERS]]
    model = tuple(step.redundancy_score for step in run.steps)
    assert [tuple(entry.get_ydata()) for entry in drawn] == [model, *by_score[:NAMED_LAYERS], *in_order]


def test_a_single_other_layer_has_its_own_name() -> None:
    run = monitored(logged(1, 0.5, *(layer(name, 0.1 * index) for index, name in enumerate("abcdef", 1))))

    assert labels(draw(run).axes[0])[-1] == "a"


def test_a_single_step_is_drawn_as_marks() -> None:
    axes = draw(monitored(logged(4, 0.5, layer("a", 0.3)))).axes[0]

    assert line(axes, "0.50  model, too short to tell") == ([4], [0.5])
    assert [entry.get_marker() for entry in axes.lines] == ["o", "o"]
    assert list(axes.get_xticks()) == [4]


def test_a_score_between_gaps_is_a_mark_and_a_line_has_none() -> None:
    steps = [logged(epoch, score) for epoch, score in enumerate((0.1, None, 0.2, 0.3, None, 0.4), 1)]

    model = draw(monitored(*steps)).axes[0].lines[0]

    assert (model.get_marker(), model.get_markevery()) == ("o", [0, 5])
    assert draw(monitored(*steps[2:4])).axes[0].lines[0].get_marker() == "None"


def test_without_a_file_of_layers_the_model_is_drawn_alone() -> None:
    figure = draw(monitored(logged(1, 0.4), logged(2, 0.5)))

    assert legend(figure) == ["0.50  model, too short to tell"]
    assert len(figure.axes[0].lines) == 1


def test_without_any_score_the_picture_says_so() -> None:
    assert legend(draw(monitored(logged(1, None), logged(2, None)))) == ["model: no score"]


def test_a_run_that_was_looked_at_within_epochs_has_steps_on_its_axis() -> None:
    axes = draw(monitored(logged(1, 0.4, step=5), logged(1, 0.5, step=10))).axes[0]

    assert axes.get_xlabel() == "optimizer step"
    assert list(axes.lines[0].get_xdata()) == [5, 10]


def test_no_name_is_read_as_mathematics(tmp_path: Path) -> None:
    run = monitored(logged(1, 0.5, layer("$b_{c$", 0.9), layer("_hidden", 0.8)), name="$b_{c$")

    figure = draw_redundancy(data(run), title=f"Redundancy of {run.name} " + "and more words than fit " * 2)

    assert legend(figure)[1:] == ["0.90  $b_{c$", "0.80  _hidden"]
    save_everywhere(figure, tmp_path, ".png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_many_layers_lie_apart_and_inside_of_any_file(tmp_path: Path, suffix: str) -> None:
    run = realistic_run()

    figure = draw_redundancy(data(run), title=f"Redundancy of {run.name}")

    assert_texts_are_apart_and_inside(figure)
    save_everywhere(figure, tmp_path, suffix)
