from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from tests.reporting.monitored import (
    SUFFIXES,
    assert_texts_are_apart_and_inside,
    gaps_as_none,
    logged,
    monitored,
    realistic_run,
    save_everywhere,
    texts,
)

from nano_u.errors import ConfigError
from nano_u.reporting.comparison_figure import (
    LONGEST_LABEL,
    LOOKS,
    ComparedRun,
    compared_runs,
    draw_comparison,
    drawn_labels,
    run_labels,
)
from nano_u.reporting.monitored_run import MonitoredRun, MonitorFacts

KNOWN = monitored(
    logged(1, 0.4, correlation_mean=0.2),
    logged(2, None, correlation_mean=0.3),
    name="wide",
    facts=MonitorFacts("wide", 45_678, 9_870_000, ((1, 0.7), (2, None), (3, 0.8))),
)
UNKNOWN = monitored(logged(5, 0.9), name="other")


def named(name: str, path: str) -> MonitoredRun:
    return monitored(logged(1), name=name, path=path)


def shown(figure: Figure, panel: int) -> list[tuple[list[int], list[float | None]]]:
    return [(list(line.get_xdata()), gaps_as_none(line.get_ydata())) for line in figure.axes[panel].lines]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_record_holds_every_run_in_the_order_given() -> None:
    assert compared_runs((UNKNOWN, KNOWN)) == (
        ComparedRun("other", (5,), (0.9,), (None,), (), (), None, None),
        ComparedRun("wide", (1, 2), (0.4, None), (0.2, 0.3), (1, 2, 3), (0.7, None, 0.8), 45_678, 9_870_000),
    )


def test_of_an_epoch_that_was_logged_more_than_once_the_last_step_is_shown() -> None:
    run = monitored(
        logged(1, 0.1, step=5, correlation_mean=0.5),
        logged(1, 0.2, step=9, correlation_mean=0.6),
        logged(2, 0.3, step=12),
    )

    found = compared_runs((run, UNKNOWN))[0]

    assert (found.epochs, found.redundancy, found.correlation) == ((1, 2), (0.2, 0.3), (0.6, None))


@pytest.mark.parametrize("runs", [(), (KNOWN,)])
def test_fewer_than_two_runs_are_no_comparison(runs: tuple[MonitoredRun, ...]) -> None:
    with pytest.raises(ConfigError, match="two or more runs"):
        compared_runs(runs)


@pytest.mark.parametrize(
    ("runs", "labels"),
    [
        ((named("a", "x/nas/m.csv"), named("b", "x/nas/m.csv")), ("a", "b")),
        ((named("a", "/r/one/nas/m.csv"), named("a", "/r/two/nas/m.csv")), ("one (a)", "two (a)")),
        ((named("a", "/r/one/m.csv"), named("a", "/r/two/m.csv")), ("one (a)", "two (a)")),
        (
            (named("a", "/r/one/nas/m.csv"), named("b", "/r/one/nas/m.csv"), named("a", "/r/two/nas/m.csv")),
            ("one (a)", "one (b)", "two (a)"),
        ),
        (
            (named("a", "/p/run/nas/m.csv"), named("a", "/q/run/nas/m.csv")),
            ("/p/run/nas/m.csv", "/q/run/nas/m.csv"),
        ),
        (
            (named("a", "/r/one/nas/m.csv"), named("a", "/r/one/nas/m.csv")),
            ("/r/one/nas/m.csv #1", "/r/one/nas/m.csv #2"),
        ),
    ],
)
def test_labels_have_as_much_of_the_path_as_tells_the_runs_apart(
    runs: tuple[MonitoredRun, ...], labels: tuple[str, ...]
) -> None:
    assert run_labels(runs) == labels
    assert len(set(labels)) == len(runs)


def test_labels_that_fit_stay_and_long_ones_lose_their_middle() -> None:
    fits, long = "a" * LONGEST_LABEL, "begin" + "-" * 60 + "end"

    short, shortened = drawn_labels([fits, long])

    assert short == fits
    assert len(shortened) == LONGEST_LABEL
    assert shortened.startswith("begin")
    assert shortened.endswith("end")


def test_drawn_labels_are_never_equal_and_never_too_long() -> None:
    runs = [f"{'folder/' * 8}{'ab'[index % 2]}{index:02}{'/deeper' * 8}" for index in range(12)]

    drawn = drawn_labels(runs)

    assert len(set(drawn)) == 12
    assert drawn[11].startswith("12: folder/")
    assert max(map(len, drawn)) <= LONGEST_LABEL


def test_the_lines_and_bars_are_the_record() -> None:
    figure = draw_comparison(compared_runs((KNOWN, UNKNOWN)))

    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Redundancy",
        "Correlation",
        "Accuracy on validation images",
        "Size",
    ]
    assert shown(figure, 0) == [([1, 2], [0.4, None]), ([5], [0.9])]
    assert shown(figure, 1) == [([1, 2], [0.2, 0.3]), ([5], [None])]
    assert shown(figure, 2) == [([1, 2, 3], [0.7, None, 0.8]), ([], [])]
    assert [bar.get_width() for bar in figure.axes[3].patches] == [45_678]
    assert texts(figure.axes[3]) == ["45,678; 9.87 M MACs", "wide", "parameters not recorded", "other"]
    assert legend(figure) == ["wide", "other"]
    assert [axes.get_ylabel() for axes in figure.axes[:3]] == [
        "redundancy score (0 to 1)",
        "mean |r| (0 to 1)",
        "IoU (0 to 1)",
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch", "epoch", "parameters"]
    assert [axes.get_ylim() for axes in figure.axes[:3]] == [(0, 1)] * 3


def test_runs_look_different_and_alike_in_every_panel() -> None:
    runs = [dataclasses.replace(KNOWN, name=f"run {index}") for index in range(len(LOOKS))]

    figure = draw_comparison(compared_runs(runs))

    panels = [[(line.get_color(), line.get_marker()) for line in axes.lines] for axes in figure.axes[:3]]
    assert panels[0] == panels[1] == panels[2]
    assert len(set(panels[0])) == len(LOOKS)
    assert [line.get_color() for line in figure.legends[0].get_lines()] == [colour for colour, _ in panels[0]]


def test_what_no_run_recorded_is_said_in_its_panel() -> None:
    figure = draw_comparison(compared_runs((named("a", "m.csv"), UNKNOWN)))

    assert [texts(axes) for axes in figure.axes[:3]] == [[], ["not recorded"], ["not recorded"]]
    assert not list(figure.axes[2].get_xticks())
    assert not figure.axes[3].patches
    assert not list(figure.axes[3].get_xticks())


def test_epochs_on_the_axis_are_whole() -> None:
    axes = draw_comparison(compared_runs((UNKNOWN, dataclasses.replace(UNKNOWN, name="same")))).axes[0]

    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [5]


def test_no_name_is_read_as_mathematics_or_left_out(tmp_path: Path) -> None:
    figure = draw_comparison(compared_runs((named("$b_{c$", "m.csv"), named("_hidden", "m.csv"))))

    assert legend(figure) == ["$b_{c$", "_hidden"]
    save_everywhere(figure, tmp_path, ".png")


@pytest.mark.parametrize("count", [2, 6, 7, 16])
def test_texts_of_runs_of_one_model_lie_apart_and_inside(count: int) -> None:
    run = realistic_run(epochs=10, names=("a",))
    runs = [
        dataclasses.replace(run, metrics_path=Path(f"/runs/2026-03-14T09-26-{index + 10}-{run.name}/nas/m.csv"))
        for index in range(count)
    ]

    figure = draw_comparison(compared_runs(runs))

    assert len(set(legend(figure))) == count
    assert_texts_are_apart_and_inside(figure)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_can_be_saved_as_any_file(tmp_path: Path, suffix: str) -> None:
    save_everywhere(draw_comparison(compared_runs((KNOWN, UNKNOWN))), tmp_path, suffix)
