from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from tests.reporting.monitored import (
    LONG_NAMES,
    SUFFIXES,
    assert_texts_are_apart_and_inside,
    labels,
    layer,
    line,
    logged,
    monitored,
    realistic_run,
    recorded,
    save_everywhere,
    texts,
)

from nano_u.config import ThresholdsConfig
from nano_u.reporting.condition_figure import condition_over_training
from nano_u.reporting.correlation_figure import correlation_over_training
from nano_u.reporting.correlation_histogram import correlation_histogram
from nano_u.reporting.dashboard_figure import LONGEST_VALUE, dashboard, draw_dashboard
from nano_u.reporting.monitored_run import MonitoredRun, MonitorFacts
from nano_u.reporting.redundancy_figure import redundancy_over_training

THRESHOLDS = ThresholdsConfig(high_redundancy=0.8, poor_conditioning=1e4)
RUN = monitored(
    logged(1, 0.4, layer("a", 0.9), layer("b", 0.1), correlation_mean=0.2, correlation_std=0.1, condition_number=50.0),
    logged(
        3,
        0.5,
        layer("a", 0.35, num_channels=1200, dead_channels=7),
        layer("b", 0.62, dead_channels=None),
        layer("c", None, dead_channels=3),
        correlation_mean=0.3,
        correlation_std=0.2,
        condition_number=12345.0,
    ),
    correlations=recorded([[[1, 0, 0, 1], None], [[0, 0, 0, 4], [0, 4, 0, 0]]]),
    facts=MonitorFacts("net", 45_678, 9_876_543, ((1, 0.7), (2, 0.812), (3, None))),
)
BARE = monitored(logged(2, None))


def summary(run: MonitoredRun) -> dict[str, str]:
    return dict(dashboard(run, THRESHOLDS).summary)


def written(figure: Figure) -> list[str]:
    return texts(figure.axes[4])


def test_the_panels_are_the_records_of_the_single_figures() -> None:
    found = dashboard(RUN, THRESHOLDS)

    assert found.name == "net"
    assert found.redundancy == redundancy_over_training(RUN, THRESHOLDS)
    assert found.correlation == correlation_over_training(RUN, THRESHOLDS)
    assert found.histogram == correlation_histogram(RUN)
    assert found.condition == condition_over_training(RUN, THRESHOLDS)


def test_the_summary_is_of_the_last_step() -> None:
    assert summary(RUN) == {
        "logged steps": "2 (epoch 1 to 3)",
        "redundancy score, last": "0.500",
        "trend": "too short to tell",
        "mean |r|, last": "0.300",
        "condition number, last": "1.23e+04",
        "layers": "3",
        "dead channels": "10 of 1,208",
        "highest score": "0.620",
        "in layer": "b",
        "validation IoU, last": "0.812",
        "parameters": "45,678",
        "multiply-accumulates": "9,876,543",
    }


def test_what_is_not_known_is_a_dash_and_never_a_number() -> None:
    assert summary(BARE) == {
        "logged steps": "1 (epoch 2 to 2)",
        "redundancy score, last": "-",
        "trend": "too short to tell",
        "mean |r|, last": "-",
        "condition number, last": "-",
        "layers": "no file of layers",
        "dead channels": "-",
        "highest score": "-",
        "in layer": "-",
        "validation IoU, last": "-",
        "parameters": "-",
        "multiply-accumulates": "-",
    }


def test_a_run_without_any_accuracy_has_none() -> None:
    facts = MonitorFacts("net", None, None, ((1, None),))

    assert summary(monitored(logged(1, 0.5), facts=facts))["validation IoU, last"] == "-"


def test_a_long_layer_name_keeps_the_end_that_fits() -> None:
    name = summary(realistic_run(epochs=1))["in layer"]

    assert len(name) == LONGEST_VALUE
    assert name.startswith("...")
    assert LONG_NAMES[-1].endswith(name[3:])


def test_the_page_shows_every_panel_and_the_whole_summary() -> None:
    figure = draw_dashboard(dashboard(RUN, THRESHOLDS))

    redundancy, correlation, histogram, condition, _ = figure.axes
    assert figure.get_suptitle() == "Redundancy of net"
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Redundancy",
        "Correlation",
        "Distribution of |r|, as recorded",
        "Condition number",
        "",
    ]
    assert line(redundancy, "0.50  model, too short to tell") == ([1, 3], [0.4, 0.5])
    assert line(correlation, "0.30  mean over pairs, too short to tell") == ([1, 3], [0.2, 0.3])
    assert histogram.patches[0].get_data().values == pytest.approx([0, 50, 0, 50])
    assert line(condition, "worst layer") == ([1, 3], [50, 12345])
    assert labels(condition)[1] == "poor above 10000"
    assert [redundancy.get_ylim(), correlation.get_ylim()] == [(0, 1), (0, 1)]
    pairs = dict(zip(written(figure)[::2], written(figure)[1::2], strict=True))
    assert pairs == summary(RUN)


def test_a_run_without_companions_is_drawn_and_says_what_is_missing() -> None:
    figure = draw_dashboard(dashboard(BARE, THRESHOLDS))

    assert texts(figure.axes[2]) == ["not recorded:\nthere is no file of correlations"]
    assert texts(figure.axes[3]) == ["not defined"]
    assert labels(figure.axes[0]) == ["model: no score"]
    assert_texts_are_apart_and_inside(figure)


def test_no_name_is_read_as_mathematics(tmp_path: Path) -> None:
    run = monitored(logged(1, 0.5, layer("$b_{c$", 0.4)), name="$b_{c$ " * 12)

    save_everywhere(draw_dashboard(dashboard(run, THRESHOLDS)), tmp_path, ".png")


@pytest.mark.parametrize("epochs", [1, 40])
def test_texts_lie_apart_and_inside(epochs: int) -> None:
    assert_texts_are_apart_and_inside(draw_dashboard(dashboard(realistic_run(epochs=epochs), THRESHOLDS)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_can_be_saved_as_any_file(tmp_path: Path, suffix: str) -> None:
    save_everywhere(draw_dashboard(dashboard(RUN, THRESHOLDS)), tmp_path, suffix)
