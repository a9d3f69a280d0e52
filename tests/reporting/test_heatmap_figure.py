from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.reporting.monitored import (
    LONG_NAMES,
    SUFFIXES,
    assert_texts_are_apart_and_inside,
    gaps_as_none,
    layer,
    logged,
    monitored,
    realistic_run,
    recorded,
    save_everywhere,
    texts,
)

from nano_u.errors import ConfigError
from nano_u.reporting.heatmap_figure import (
    ChannelCorrelation,
    LayerHeatmap,
    channel_correlation,
    draw_heatmap,
    draw_layer_scores,
    layer_heatmap,
)
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis

OF_A = np.array([[1.0, -0.5], [-0.5, 1.0]])
OF_B = np.array([[1.0, 0.9, np.nan], [0.9, 1.0, np.nan], [np.nan, np.nan, np.nan]])
RUN = monitored(
    logged(2, 0.5, layer("a", 0.9), layer("b", 0.2), layer("c", None)),
    logged(4, 0.5, layer("a", 0.3), layer("b", 0.8), layer("c", 0.95)),
    correlations=recorded([[[0, 1, 0, 0], [0, 0, 0, 1]]] * 2, matrices={"a": OF_A, "b": OF_B}),
)


def rows(data: LayerHeatmap) -> list[list[float | None]]:
    return [gaps_as_none(row) for row in data.scores]


def matrix_of(found: ChannelCorrelation | None) -> tuple[str, np.ndarray]:
    assert found is not None
    return found.layer, found.matrix


def ticks(figure: Figure, panel: int = 0) -> tuple[list[str], list[str]]:
    axes = figure.axes[panel]
    return [text.get_text() for text in axes.get_xticklabels()], [text.get_text() for text in axes.get_yticklabels()]


def test_rows_are_layers_in_network_order_and_columns_are_steps() -> None:
    found = layer_heatmap(RUN)

    assert found.layers == ("a", "b", "c")
    assert rows(found) == [[0.9, 0.3], [0.2, 0.8], [None, 0.95]]
    assert found.axis == TrainingAxis("epoch", (2, 4))
    assert found.correlation is not None


def test_a_step_that_lacks_a_layer_leaves_its_cell_open() -> None:
    found = layer_heatmap(monitored(logged(1, 0.5, layer("b", 0.0)), logged(2, 0.5, layer("a", 0.2), layer("b", 0.3))))

    assert found.layers == ("b", "a")
    assert rows(found) == [[0.0, 0.3], [None, 0.2]]


def test_without_a_file_of_layers_the_error_says_what_is_missing() -> None:
    run = monitored(logged(1), path="x.csv", absent=("x_layers.csv is not there: nothing is known of single layers.",))

    with pytest.raises(ConfigError) as error:
        layer_heatmap(run)

    assert str(error.value) == (
        "x.csv: a heatmap needs the file of layers beside it; "
        "x_layers.csv is not there: nothing is known of single layers."
    )


def test_the_matrix_is_that_of_the_layer_that_ends_most_redundant_among_those_that_have_one() -> None:
    name, matrix = matrix_of(layer_heatmap(RUN).correlation)

    assert name == "b"
    np.testing.assert_array_equal(matrix, OF_B)


def test_any_layer_with_a_matrix_can_be_asked_for() -> None:
    name, matrix = matrix_of(layer_heatmap(RUN, "a").correlation)

    assert name == "a"
    np.testing.assert_array_equal(matrix, OF_A)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("c", "nas/net_nas_metrics.csv: no correlation matrix of layer 'c'"),
        ("zzzzzz", "nas/net_nas_metrics.csv: no correlation matrix of layer 'zzzzzz'"),
    ],
)
def test_a_layer_without_a_matrix_cannot_be_asked_for(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        layer_heatmap(RUN, name)

    assert str(error.value).startswith(message)


def test_a_misspelled_layer_is_answered_with_the_near_one() -> None:
    run = monitored(
        logged(1, 0.5, layer("conv1", 0.5)), correlations=recorded([[None]], layers=["conv1"], matrices={"conv1": OF_A})
    )

    with pytest.raises(ConfigError, match=r"no correlation matrix of layer 'cnov1'; did you mean 'conv1'\?"):
        layer_heatmap(run, "cnov1")


@pytest.mark.parametrize(
    "run",
    [
        monitored(logged(1, 0.5, layer("a", 0.5))),
        monitored(logged(1, 0.5, layer("a", 0.5)), correlations=recorded([[None, None]])),
        monitored(logged(1, None, layer("a", None)), correlations=recorded([[None, None]], matrices={"a": OF_A})),
    ],
)
def test_without_a_recorded_matrix_the_picture_says_so(run: MonitoredRun) -> None:
    found = layer_heatmap(run)

    assert found.correlation is None
    assert channel_correlation(run) is None
    figure = draw_heatmap(found)
    assert texts(figure.axes[1]) == ["no correlation matrix recorded"]
    assert len(figure.axes) == 3


def test_the_picture_holds_both_matrices_and_leaves_open_what_is_not_defined() -> None:
    figure = draw_heatmap(layer_heatmap(RUN), title="Redundancy of net")

    scores, matrix = (axes.images[0] for axes in figure.axes[:2])
    assert [gaps_as_none(row.filled(np.nan)) for row in scores.get_array()] == [[0.9, 0.3], [0.2, 0.8], [None, 0.95]]
    np.testing.assert_array_equal(matrix.get_array().filled(np.nan), OF_B)
    assert scores.get_clim() == (0, 1)
    assert matrix.get_clim() == (-1, 1)
    assert tuple(scores.cmap.get_bad()[:3]) == pytest.approx((0xB9 / 255,) * 3)
    assert ticks(figure) == (["2", "4"], ["a", "b", "c"])
    assert ticks(figure, 1) == (["0", "1", "2"], ["0", "1", "2"])
    assert figure.get_suptitle() == "Redundancy of net"
    assert figure.axes[1].get_title(loc="left") == "r between channels\nb"
    assert figure.axes[0].get_xlabel() == "epoch"
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == ["redundancy score", "correlation r"]


def test_a_single_step_has_one_tick() -> None:
    assert ticks(draw_layer_scores(layer_heatmap(monitored(logged(3, 0.5, layer("a", 0.4))))))[0] == ["3"]


def test_ticks_stand_under_the_steps_that_they_name() -> None:
    run = realistic_run(epochs=23, names=("a",))

    axes = draw_layer_scores(layer_heatmap(run)).axes[0]

    named = [
        (position, int(text.get_text()))
        for position, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    ]
    assert len(named) >= 3
    assert all(epoch == position + 1 for position, epoch in named)


@pytest.mark.parametrize(("channels", "numbers"), [(16, 16), (17, 5), (64, 16), (65, 9), (256, 8)])
def test_few_channels_have_their_numbers_and_many_some(channels: int, numbers: int) -> None:
    run = monitored(
        logged(1, 0.5, layer("a", 0.4)), correlations=recorded([[None]], layers="a", matrices={"a": np.eye(channels)})
    )

    assert len(draw_heatmap(layer_heatmap(run)).axes[1].get_xticks()) == numbers


def test_all_layers_of_a_large_network_have_their_rows() -> None:
    figure = draw_layer_scores(layer_heatmap(realistic_run(epochs=3)))

    assert len(ticks(figure)[1]) == len(LONG_NAMES) == 40
    assert len(set(ticks(figure)[1])) == 40
    assert len(figure.axes) == 2


def test_no_name_is_read_as_mathematics(tmp_path: Path) -> None:
    run = monitored(
        logged(1, 0.5, layer("$b_{c$", 0.4)),
        correlations=recorded([[None]], layers=["$b_{c$"], matrices={"$b_{c$": OF_A}),
    )

    save_everywhere(draw_heatmap(layer_heatmap(run), title="$b_{c$"), tmp_path, ".png")


@pytest.mark.parametrize("names", [LONG_NAMES, LONG_NAMES[:2]])
@pytest.mark.parametrize("draw", [draw_heatmap, draw_layer_scores])
def test_names_lie_apart_and_inside(draw: object, names: tuple[str, ...]) -> None:
    run = realistic_run(names=names)

    assert callable(draw)
    assert_texts_are_apart_and_inside(draw(layer_heatmap(run)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_can_be_saved_as_any_file(tmp_path: Path, suffix: str) -> None:
    save_everywhere(draw_heatmap(layer_heatmap(RUN)), tmp_path, suffix)
