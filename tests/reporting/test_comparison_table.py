from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.reporting.monitored import logged, monitored

from nano_u.graph import CostSummary, nano_u, summarise
from nano_u.reporting.comparison_table import difference_table, ranking_table
from nano_u.reporting.experiment_result import ExperimentResult, RunResult
from nano_u.reporting.paired_difference import PairedDifference

COST = summarise(nano_u(filters=[2], bottleneck=3))


def run(seed: int, val_iou: float | None = 0.5, **rest: object) -> RunResult:
    return dataclasses.replace(RunResult(Path(f"a-seed{seed}"), seed, val_iou), **rest)  # type: ignore[arg-type]


def test_an_experiment_is_the_mean_over_its_seeds_of_what_was_measured() -> None:
    experiment = ExperimentResult(
        "a",
        (
            run(1, 0.5, test_iou=0.25, monitored=monitored(logged(1, 0.25)), floor_iou=0.125, cost=COST),
            run(2, 0.75, monitored=monitored(logged(1, 0.75)), floor_iou=0.375, cost=COST),
            run(3, None),
        ),
    )

    assert experiment.val_ious == {1: 0.5, 2: 0.75}
    assert (experiment.val_iou, experiment.spread) == (0.625, pytest.approx(0.25 / 2**0.5))
    assert (experiment.test_iou, experiment.tested) == (0.25, 1)
    assert (experiment.redundancy_score, experiment.floor_iou, experiment.cost) == (0.5, 0.25, COST)


def test_what_no_run_measured_is_none() -> None:
    nothing = ExperimentResult("a", (run(1, None),))

    assert (nothing.val_iou, nothing.spread, nothing.test_iou, nothing.redundancy_score) == (None,) * 4
    assert (nothing.floor_iou, nothing.cost, nothing.tested) == (None, None, 0)
    assert ExperimentResult("a", (run(1),)).spread is None


def test_runs_of_several_networks_have_no_cost_of_their_own() -> None:
    other = dataclasses.replace(COST, macs=COST.macs + 1)
    mixed = ExperimentResult("mixed", (run(1, cost=COST), run(2, cost=other)))

    assert mixed.cost is None
    assert ranking_table([mixed]).warnings == ("mixed: its runs are of networks of different cost, so none is shown",)


def test_the_ranking_shows_accuracy_and_cost_and_dashes_for_what_is_missing() -> None:
    first = ExperimentResult(
        "first", (run(1, 0.75, test_iou=0.5, cost=COST), run(2, 0.5, monitored=monitored(logged(1, 0.125))))
    )
    last = ExperimentResult("last", (run(1, None),))

    table = ranking_table([first, last], warnings=["left out: gone"])

    cost = (f"{COST.macs:,}", f"{COST.peak_activation_bytes:,}", f"{COST.parameters:,}")
    assert table.rows == (
        ("1", "first", "0.6250", "0.1768", "2", "0.5000 (1 of 2)", *cost, "0.125"),
        ("-", "last", "-", "-", "1", "-", "-", "-", "-", "-"),
    )
    assert table.warnings == ("left out: gone",)


def test_a_quantization_aware_run_adds_a_column_that_does_not_rank() -> None:
    aware = ExperimentResult("aware", (run(1, 0.5, int8_val_iou=0.75), run(2, 0.5, int8_val_iou=0.25), run(3, 0.5)))
    plain = ExperimentResult("plain", (run(1, 0.25),))

    table = ranking_table([aware, plain])

    assert (aware.int8_val_iou, aware.quantization_aware) == (0.5, 2)
    index = [column.heading for column in table.columns].index("int8 val IoU")
    assert table.columns[index].optional
    assert [row[index] for row in table.rows] == ["0.5000 (2 of 3)", "-"]
    assert (
        "int8 val IoU: the same images under simulated int8 arithmetic; the rank is that of val IoU, in float."
        in table.notes
    )
    only_plain = ranking_table([plain])
    assert "int8 val IoU" not in [column.heading for column in only_plain.columns]
    assert not any("int8" in note for note in only_plain.notes)


def test_a_narrow_terminal_keeps_rank_and_accuracy() -> None:
    table = ranking_table([ExperimentResult("first", (run(1, 0.75, cost=COST),))])

    lines = [text for text, _ in table.lines(36)]

    assert lines[1].split() == ["#", "experiment", "val", "IoU", "std", "runs"]
    assert "Left out for lack of width: test IoU, MACs, RAM bytes, parameters, redundancy." in lines


def uncounted(cost: CostSummary) -> CostSummary:
    return dataclasses.replace(cost, uncounted=("mystery",))


@pytest.mark.parametrize(
    ("runs", "warning"),
    [
        ((run(1, 0.5, floor_iou=0.5),), "a: no better than the no-learning floor, IoU 0.5000"),
        ((run(1, cost=uncounted(COST)),), "a: cost lacks mystery, whose content is unknown"),
        ((run(1, monitor_problem="x.csv: torn"),), "a: redundancy not read: x.csv: torn"),
        (
            (run(1, validation_images="one"), run(2, validation_images="two")),
            "the runs were validated on different images, so their IoU tells images apart as much as networks",
        ),
    ],
)
def test_what_makes_the_numbers_doubtful_is_said(runs: tuple[RunResult, ...], warning: str) -> None:
    assert ranking_table([ExperimentResult("a", runs)]).warnings == (warning,)


def test_sound_numbers_come_without_warning_and_with_the_floor() -> None:
    sound = [ExperimentResult(name, (run(1, floor_iou=0.25, validation_images="one"), run(2))) for name in "ab"]

    table = ranking_table(sound)

    assert table.warnings == ()
    assert table.notes[-1] == "No-learning floor of the validation images: IoU 0.2500."


def test_differences_are_signed_and_one_pair_has_no_interval() -> None:
    rows = [
        PairedDifference("best", "b", 6, -0.02, -0.03, -0.01, -0.05, 0.01),
        PairedDifference("best", "c", 1, -0.5, None, None, -0.5, -0.5),
    ]

    table = difference_table(rows, alone=["d", "e"])

    assert table.title == "Against the best, best"
    assert table.rows == (
        ("b", "6", "-0.0200", "-0.0300 to -0.0100", "worse", "-0.0500", "+0.0100"),
        ("c", "1", "-0.5000", "-", "too few for a test", "-0.5000", "-0.5000"),
    )
    assert table.notes[-1] == "No seed in common with best: d, e."
