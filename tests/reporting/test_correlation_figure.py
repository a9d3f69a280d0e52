from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure
from tests.reporting.monitored import (
    SUFFIXES,
    assert_texts_are_apart_and_inside,
    gaps_as_none,
    line,
    logged,
    monitored,
    realistic_run,
    save_everywhere,
    texts,
)

from nano_u.config import ThresholdsConfig
from nano_u.reporting.bands import Band
from nano_u.reporting.correlation_figure import (
    CorrelationOverTraining,
    correlation_over_training,
    draw_correlation,
)
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis
from nano_u.reporting.trend import Trend

RUN = monitored(
    logged(1, correlation_mean=0.1, correlation_std=0.2),
    logged(2, correlation_mean=None, correlation_std=None),
    logged(3, correlation_mean=0.5, correlation_std=0.1),
    logged(4, correlation_mean=0.9, correlation_std=0.2),
    logged(5, correlation_mean=0.8, correlation_std=None),
)


def data(run: MonitoredRun = RUN) -> CorrelationOverTraining:
    return correlation_over_training(run, ThresholdsConfig(high_correlation=0.45))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def areas(figure: Figure) -> list[FillBetweenPolyCollection]:
    return [found for found in figure.axes[0].collections if isinstance(found, FillBetweenPolyCollection)]


def test_the_record_holds_mean_and_deviation_of_every_step() -> None:
    found = data()

    assert found.axis == TrainingAxis("epoch", (1, 2, 3, 4, 5))
    assert found.mean == (0.1, None, 0.5, 0.9, 0.8)
    assert found.std == (0.2, None, 0.1, 0.2, None)
    assert found.zones == (Band("diverse", 0.0, 0.3, 0), Band("moderate", 0.3, 0.6, 2), Band("high", 0.6, 1.0, 3))
    assert found.warning_line == 0.45
    assert found.trend == Trend("too short to tell")


def test_the_band_is_one_deviation_cut_to_what_correlation_can_be() -> None:
    low, high = (gaps_as_none(edge) for edge in zip(*data().band(), strict=True))

    assert low == pytest.approx([0.0, None, 0.4, 0.7, None])
    assert high == pytest.approx([0.3, None, 0.6, 1.0, None])


def test_the_trend_is_that_of_the_mean() -> None:
    run = monitored(*(logged(epoch, 1 - 0.1 * epoch, correlation_mean=0.1 * epoch) for epoch in range(10)))

    found = data(run).trend

    assert (found.word, found.change) == ("rising", pytest.approx(0.5))


def test_line_band_and_warning_line_are_the_record() -> None:
    figure = draw_correlation(data())

    axes = figure.axes[0]
    assert line(axes, "0.80  mean over pairs, too short to tell") == ([1, 2, 3, 4, 5], [0.1, None, 0.5, 0.9, 0.8])
    assert line(axes, "warning line 0.45")[1] == [0.45, 0.45]
    whole = np.concatenate([path.vertices for path in areas(figure)[0].get_paths()])
    assert {(x, round(y, 6)) for x, y in whole.tolist()} >= {(3, 0.4), (3, 0.6), (4, 0.7), (4, 1.0), (1, 0.0), (1, 0.3)}
    assert whole[:, 1].min() == 0
    assert whole[:, 1].max() == 1
    assert legend(figure) == ["one std. deviation", "0.80  mean over pairs, too short to tell", "warning line 0.45"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "mean |r| (0 to 1)")
    assert axes.get_ylim() == (0, 1)


def test_the_zones_are_green_yellow_and_red_and_have_names() -> None:
    axes = draw_correlation(data()).axes[0]

    assert texts(axes) == ["diverse", "moderate", "high"]
    assert [(patch.get_y(), pytest.approx(patch.get_y() + patch.get_height())) for patch in axes.patches] == [
        (0.0, 0.3),
        (0.3, 0.6),
        (0.6, 1.0),
    ]
    green, yellow, red = (patch.get_facecolor()[:3] for patch in axes.patches)
    assert max(green) == green[1]
    assert min(yellow) == yellow[2]
    assert max(red) == red[0] > 1.5 * red[1]


@pytest.mark.parametrize(("mean", "std", "ends"), [(0.5, 0.1, [0.4, 0.6]), (0.1, 0.2, [0.0, 0.3])])
def test_a_single_step_is_a_mark_with_its_deviation(mean: float, std: float, ends: list[float]) -> None:
    figure = draw_correlation(data(monitored(logged(7, correlation_mean=mean, correlation_std=std))))

    axes = figure.axes[0]
    assert line(axes, f"{mean:.2f}  mean over pairs, too short to tell") == ([7], [mean])
    bar = next(found for found in axes.collections if found not in areas(figure))
    assert bar.get_segments()[0].tolist() == [[7, pytest.approx(ends[0])], [7, pytest.approx(ends[1])]]


@pytest.mark.parametrize("epochs", [1, 2])
def test_without_any_correlation_the_picture_says_so(tmp_path: Path, epochs: int) -> None:
    figure = draw_correlation(data(monitored(*(logged(epoch) for epoch in range(epochs)))))

    assert "mean: not defined" in legend(figure)
    save_everywhere(figure, tmp_path, ".png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_texts_lie_apart_and_inside_of_any_file(tmp_path: Path, suffix: str) -> None:
    run = realistic_run(names=("a",))

    figure = draw_correlation(data(run), title=f"Channel correlation of {run.name}")

    assert_texts_are_apart_and_inside(figure)
    save_everywhere(figure, tmp_path, suffix)
