from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nano_u.config import ExperimentConfig, config_to_yaml
from nano_u.errors import RunError
from nano_u.graph import Architecture, nano_u, summarise, write_architecture
from nano_u.runs import create_run, write_json, write_text_atomic
from nano_u.workflows.comparison import Comparison, compare_runs, draw_comparison, holds_runs, read_comparison

SMALL = nano_u(filters=[2], bottleneck=3)
LARGE = nano_u(filters=[8, 16], bottleneck=32)
MONITORED = """\
epoch,step,redundancy_score,correlation_mean,correlation_std,trace,condition_number,correlation_max,dominance,\
off_diagonal_norm,decov,num_channels,dead_channels,num_layers,layers_without_score
1,23,0.25,0.17,0.14,34.0,52.5,0.78,0.37,0.6,0.11,627,3,20,0
2,46,0.75,0.22,0.16,32.1,27.5,0.85,0.28,5.9,0.89,627,0,20,0
"""
"""The metrics file of a real run, cut to two epochs and few digits."""


def pooled(iou: float | None, floor: float | None = None) -> dict[str, Any]:
    return {"pooled": {"metrics": {"iou": iou}, "floor": None if floor is None else {"iou": floor}}}


def write_run(
    path: Path,
    iou: float | None,
    *,
    seed: int = 0,
    test_iou: float | None = None,
    floor: float | None = None,
    network: Architecture | None = SMALL,
    images: str | None = None,
) -> Path:
    """The records of a finished training."""
    run = create_run(path, name="nano_u")
    write_text_atomic(run.config_path, config_to_yaml(ExperimentConfig(seed=seed)))
    write_json(run.metrics_path, {"best_epoch": 7, "validation": None if iou is None else pooled(iou, floor)})
    if network is not None:
        write_architecture(network, run.graph_path)
    if test_iou is not None:
        run.evaluation_dir("test").mkdir(parents=True)
        write_json(run.evaluation_dir("test") / "metrics.json", pooled(test_iou))
    if images is not None:
        write_json(run.provenance_path, {"dataset": {"splits": {"val": {"sha256": images}}}})
    return path


def names(comparison: Comparison) -> list[tuple[str, float | None]]:
    return [(row.name, row.val_iou) for row in comparison.experiments]


def test_a_folder_stands_for_its_runs_and_seeds_of_one_name_are_one_experiment(tmp_path: Path) -> None:
    for name, seed, iou in (("small", 9, 0.5), ("small", 10, 0.25), ("large", 0, 0.75), ("odd-seed9", 1, 0.125)):
        write_run(tmp_path / "runs" / (name if "-" in name else f"{name}-seed{seed}"), iou, seed=seed)
    (tmp_path / "runs" / "summary.csv").write_text("")
    (tmp_path / "runs" / "other").mkdir()

    comparison = compare_runs([tmp_path / "runs"])

    assert names(comparison) == [("large", 0.75), ("small", 0.375), ("odd-seed9", 0.125)]
    assert [run.seed for run in comparison.experiments[1].runs] == [9, 10]
    assert comparison.left_out == ()
    assert comparison.runs == 4


def test_a_run_tells_accuracy_floor_images_and_cost(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, test_iou=0.25, floor=0.125, images="abc", network=LARGE)

    (run,) = compare_runs([tmp_path / "a"]).experiments[0].runs

    assert (run.val_iou, run.test_iou, run.floor_iou, run.validation_images) == (0.5, 0.25, 0.125, "abc")
    assert run.cost == summarise(LARGE)
    assert (run.redundancy_score, run.monitor_problem) == (None, None)


def test_a_run_without_validation_evaluation_graph_or_provenance_is_still_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "bare", None, network=None)
    write_run(tmp_path / "full", 0.5)

    comparison = compare_runs([tmp_path / "bare", tmp_path / "full"])

    assert names(comparison) == [("full", 0.5), ("bare", None)]
    bare = comparison.experiments[1]
    assert (bare.test_iou, bare.cost, bare.floor_iou) == (None, None, None)
    assert [[point.label for point in panel.points] for panel in comparison.pareto()] == [["full"], ["full"]]


def test_the_redundancy_score_is_the_monitors_last(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", 0.5) / "nas"
    folder.mkdir()
    (folder / "nano_u_nas_metrics.csv").write_text(MONITORED)

    (experiment,) = compare_runs([tmp_path / "a"]).experiments

    assert experiment.redundancy_score == 0.75
    assert experiment.runs[0].monitor_problem is None


@pytest.mark.parametrize(("file", "content"), [("nano_u_nas_metrics.csv", "epoch\nx"), ("notes.txt", "")])
def test_a_monitor_that_cannot_be_read_costs_the_score_and_not_the_run(tmp_path: Path, file: str, content: str) -> None:
    folder = write_run(tmp_path / "a", 0.5) / "nas"
    folder.mkdir()
    (folder / file).write_text(content)

    comparison = compare_runs([tmp_path / "a"])

    assert names(comparison) == [("a", 0.5)]
    assert comparison.left_out == ()
    (warning,) = comparison.tables()[0].warnings
    assert warning.startswith(f"a: redundancy not read: {tmp_path / 'a'}")


def test_a_quantization_aware_run_tells_its_simulated_int8_iou_and_ranks_by_float(tmp_path: Path) -> None:
    aware, plain = write_run(tmp_path / "aware", 0.5), write_run(tmp_path / "plain", 0.625)
    refined = {"best_epoch": 2, "epochs": 3, "validation": pooled(0.75)}
    write_json(aware / "metrics.json", {"validation": pooled(0.5), "quantization_aware": refined})

    comparison = compare_runs([aware, plain])

    assert names(comparison) == [("plain", 0.625), ("aware", 0.5)]
    assert [row.int8_val_iou for row in comparison.experiments] == [None, 0.75]
    report = comparison.to_dict()["experiments"][1]
    assert (report["int8_val_iou"], report["runs"][0]["int8_val_iou"]) == (0.75, 0.75)


@pytest.mark.parametrize("refined", [None, {"validation": None}])
def test_a_run_without_int8_validation_has_no_such_iou(tmp_path: Path, refined: Any) -> None:
    run = write_run(tmp_path / "a", 0.5)
    write_json(run / "metrics.json", {"validation": pooled(0.5), "quantization_aware": refined})

    assert compare_runs([run]).experiments[0].int8_val_iou is None


def damage(run: Path, file: str, content: str | None) -> None:
    path = run / file
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("metrics.json", None, "metrics.json is missing; training has not got that far"),
        ("metrics.json", "{", "metrics.json: damaged or not JSON"),
        ("metrics.json", "[]", "metrics.json: does not hold the metrics of a training"),
        ("metrics.json", '{"accuracy": 1}', "metrics.json: does not hold the metrics of a training"),
        ("metrics.json", '{"validation": {"pooled": {}}}', "metrics.json: holds no IoU of all images"),
        ("metrics.json", '{"validation": {"pooled": []}}', "metrics.json: holds no IoU of all images"),
        ("metrics.json", '{"validation": {"pooled": {"metrics": {"iou": "x"}}}}', "metrics.json: holds no IoU"),
        (
            "metrics.json",
            '{"validation": null, "quantization_aware": {}}',
            "metrics.json: quantization_aware: holds no validation",
        ),
        ("graph.json", "{}", "graph.json: "),
        ("config.yaml", "", "config.yaml: empty; the run is damaged"),
        ("config.yaml", "epohcs: 1", "config.yaml"),
        ("evaluation/test/metrics.json", "{}", "metrics.json: holds no IoU of all images"),
    ],
)
def test_a_damaged_or_unfinished_run_is_named_and_the_others_are_compared(
    tmp_path: Path, file: str, content: str | None, reason: str
) -> None:
    good, bad = write_run(tmp_path / "good", 0.5), write_run(tmp_path / "bad", 0.75)
    damage(bad, file, content)

    comparison = compare_runs([good, bad])

    assert names(comparison) == [("good", 0.5)]
    (left_out,) = comparison.left_out
    assert left_out.run == bad
    assert str(bad) in left_out.reason
    assert reason in left_out.reason
    assert "\n" not in left_out.reason
    assert comparison.tables()[0].warnings == (f"left out: {left_out.reason}",)
    with pytest.raises(RunError) as caught:
        compare_runs([bad])
    assert str(caught.value) == left_out.reason


def test_a_run_that_the_system_cannot_read_is_named(tmp_path: Path) -> None:
    good, bad = write_run(tmp_path / "good", 0.5), write_run(tmp_path / "bad", 0.75)
    (bad / "metrics.json").unlink()
    (bad / "metrics.json").mkdir()

    (left_out,) = compare_runs([good, bad]).left_out

    assert left_out.reason == f"{bad / 'metrics.json'}: Is a directory"


def test_where_no_run_can_be_compared_that_is_the_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(RunError, match=r"empty: not a run directory \(no config.yaml\); `nano-u train` makes one"):
        compare_runs([tmp_path / "empty"])
    with pytest.raises(RunError, match=r"none of the 2 runs can be compared, the first: .*gone: no such run directory"):
        compare_runs([tmp_path / "gone", tmp_path / "empty"])
    with pytest.raises(RunError, match="no runs to compare"):
        compare_runs([])


def test_runs_of_the_same_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    before = write_run(tmp_path / "all" / "before" / "base-seed0", 0.5)
    after = write_run(tmp_path / "all" / "after" / "base-seed0", 0.75)

    assert names(compare_runs([before, after])) == [("after/base", 0.75), ("before/base", 0.5)]
    assert names(compare_runs([before, tmp_path / "gone"])) == [("base", 0.5)]


def test_a_run_named_twice_counts_once_and_a_second_run_of_a_seed_is_left_out(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", 0.5)
    second = write_run(tmp_path / "a-seed0", 0.75)

    comparison = compare_runs([first, tmp_path / "b" / ".." / "a", second])

    assert names(comparison) == [("a", 0.5)]
    assert [entry.reason for entry in comparison.left_out] == [
        f"{second}: experiment a has a run of seed 0 already, {first}"
    ]


def test_experiments_that_share_seeds_are_paired_and_others_are_named(tmp_path: Path) -> None:
    for seed, best, other in ((1, 0.75, 0.5), (2, 0.5, 0.375), (3, 0.5, 0.25)):
        write_run(tmp_path / f"best-seed{seed}", best, seed=seed)
        write_run(tmp_path / f"other-seed{seed}", other, seed=seed)
    write_run(tmp_path / "alone-seed9", 0.25, seed=9)

    comparison = compare_runs([tmp_path])

    (difference,) = comparison.differences
    assert (difference.baseline, difference.other, difference.pairs) == ("best", "other", 3)
    assert difference.mean == pytest.approx(-(0.25 + 0.125 + 0.25) / 3)
    assert len(comparison.tables()) == 2
    assert comparison.tables()[1].notes[-1] == "No seed in common with best: alone."


def test_the_front_weighs_iou_against_macs_and_against_ram(tmp_path: Path) -> None:
    write_run(tmp_path / "large-seed1", 0.75, seed=1, network=LARGE, floor=0.25)
    write_run(tmp_path / "large-seed2", 0.5, seed=2, network=LARGE, floor=0.25)
    write_run(tmp_path / "small", 0.5, floor=0.25)
    write_run(tmp_path / "poor", 0.375, floor=0.25)

    macs, ram = compare_runs([tmp_path]).pareto()

    assert [(point.label, point.iou, point.iou_low, point.iou_high) for point in macs.points] == [
        ("large", 0.625, 0.5, 0.75),
        ("small", 0.5, None, None),
        ("poor", 0.375, None, None),
    ]
    assert [point.cost for point in macs.points] == [summarise(LARGE).macs, *[summarise(SMALL).macs] * 2]
    assert [point.cost for point in ram.points][:2] == [
        summarise(network).peak_activation_bytes for network in (LARGE, SMALL)
    ]
    assert macs.on_front == (True, True, False)
    assert (macs.floor, ram.floor) == (0.25, 0.25)


def test_floors_of_different_images_are_not_drawn(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, floor=0.25)
    write_run(tmp_path / "b", 0.5, floor=0.375)

    assert [panel.floor for panel in compare_runs([tmp_path]).pareto()] == [None, None]


def test_one_floor_over_different_numbers_of_seeds_is_drawn(tmp_path: Path) -> None:
    for name, seeds in (("a", 1), ("b", 3)):
        for seed in range(seeds):
            write_run(tmp_path / f"{name}-seed{seed}", 0.5, seed=seed, floor=0.1)

    comparison = compare_runs([tmp_path])

    assert len({experiment.floor_iou for experiment in comparison.experiments}) == 2
    assert [panel.floor for panel in comparison.pareto()] == [0.1, 0.1]


def test_floors_that_differ_in_the_last_digit_are_one_floor(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, floor=0.1)
    write_run(tmp_path / "b", 0.25, floor=math.nextafter(0.1, 1))

    assert [panel.floor for panel in compare_runs([tmp_path]).pareto()] == [0.1, 0.1]


def test_floors_that_differ_within_an_experiment_are_not_drawn_as_their_mean(tmp_path: Path) -> None:
    for seed, floor in enumerate((0.25, 0.5)):
        write_run(tmp_path / f"a-seed{seed}", 0.5, seed=seed, floor=floor)

    assert [panel.floor for panel in compare_runs([tmp_path]).pareto()] == [None, None]


def test_a_comparison_may_hold_nothing_but_what_was_left_out(tmp_path: Path) -> None:
    comparison = read_comparison([tmp_path / "gone"])

    assert (comparison.experiments, comparison.differences, comparison.pareto()) == ((), (), ())
    assert [entry.run for entry in comparison.left_out] == [tmp_path / "gone"]


def test_a_path_holds_runs_where_it_is_one_or_has_some_in_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs" / "a", 0.5)

    assert (holds_runs(run), holds_runs(tmp_path / "runs")) == (True, True)
    assert (holds_runs(tmp_path), holds_runs(tmp_path / "gone")) == (False, False)


def test_the_picture_is_written_where_there_is_something_to_draw(tmp_path: Path) -> None:
    drawn = compare_runs([write_run(tmp_path / "a", 0.5)])
    bare = compare_runs([write_run(tmp_path / "b", 0.5, network=None)])

    assert draw_comparison(drawn, tmp_path / "out") == tmp_path / "out" / "pareto.png"
    assert draw_comparison(bare, tmp_path / "none") is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pareto.png"]
    assert not (tmp_path / "none").exists()


def test_the_comparison_as_json_names_what_was_measured_and_what_was_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a-seed1", 0.75, seed=1)
    write_run(tmp_path / "b-seed1", 0.5, seed=1)

    report = json.loads(json.dumps(compare_runs([tmp_path, tmp_path / "gone"]).to_dict(), allow_nan=False))

    assert [(row["experiment"], row["val_iou"], row["macs"]) for row in report["experiments"]] == [
        ("a", 0.75, summarise(SMALL).macs),
        ("b", 0.5, summarise(SMALL).macs),
    ]
    assert report["experiments"][0]["runs"][0]["run"] == str(tmp_path / "a-seed1")
    assert [(row["other"], row["mean"], row["verdict"]) for row in report["differences"]] == [
        ("b", -0.25, "too few for a test")
    ]
    assert [panel["front"] for panel in report["pareto"]] == [["a"], ["a"]]
    assert report["left_out"] == [
        {"run": str(tmp_path / "gone"), "reason": f"{tmp_path / 'gone'}: no such run directory"}
    ]
