from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nano_u.data import as_floats
from nano_u.errors import BudgetError, ConfigError, DataError, RunError
from nano_u.graph import read_architecture, summarise
from nano_u.graph.budget import Budget
from nano_u.models import architecture_of, load_model
from nano_u.reporting.shrink_steps import ShrinkStep, StepCost, read_steps
from nano_u.workflows.evaluate import evaluate_model
from nano_u.workflows.shrink_options import ShrinkObserver, ShrinkOptions
from nano_u.workflows.shrinking import plan_shrinking, shrink_model
from nano_u.workflows.source import find_model


def macs(path: Path) -> int:
    return summarise(architecture_of(load_model(path))).macs


def options(**more: object) -> ShrinkOptions:
    fields = {"max_iou_drop": 1.0, "tuning_epochs": 1, "final_epochs": 0, "steps": 3, "learning_rate": 0.01}
    return ShrinkOptions(**{**fields, **more})  # type: ignore[arg-type]


def test_a_budget_is_met_and_what_is_written_is_the_smaller_network(tiny_run: Path, tmp_path: Path) -> None:
    limit = int(0.9 * macs(tiny_run / "best.keras"))
    before = (tiny_run / "best.keras").read_bytes()

    shrunk = shrink_model(tiny_run, options(budget=Budget({"macs": limit})), run_path=tmp_path / "small")

    assert macs(shrunk.run.best_model_path) <= limit
    assert shrunk.over_budget is None
    assert summarise(read_architecture(shrunk.run.graph_path)).macs == macs(shrunk.run.best_model_path)
    assert read_steps(shrunk.run.shrink_path) == shrunk.steps
    assert [step.number for step in shrunk.steps] == list(range(len(shrunk.steps)))
    assert shrunk.steps[0].cost.macs == macs(tiny_run / "best.keras")
    assert shrunk.steps[-1].cost.macs == macs(shrunk.run.best_model_path)
    assert (tiny_run / "best.keras").read_bytes() == before
    assert (shrunk.run.path / "shrink.png").stat().st_size > 10_000


def test_its_accuracies_are_those_that_evaluate_gives(tiny_run: Path, tmp_path: Path) -> None:
    shrunk = shrink_model(tiny_run, options(steps=1), run_path=tmp_path / "small")

    for run, told in ((tiny_run, shrunk.before), (shrunk.run.path, shrunk.after)):
        found = evaluate_model(run, split="test", output_dir=tmp_path / run.name).evaluation
        assert told is not None
        assert told.pooled.metrics == found.pooled.metrics
    validated = evaluate_model(shrunk.run.path, split="val", output_dir=tmp_path / "val").evaluation
    assert shrunk.steps[-1].iou == pytest.approx(validated.pooled.metrics.iou, abs=1e-12)


def test_a_step_that_costs_too_much_is_undone_and_the_next_cut_there_is_smaller(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nano_u.workflows.shrinking as module

    accuracies = iter((0.9, *([0.5] * 100)))  # the start, then whatever is cut
    monkeypatch.setattr(module, "_validation_iou", lambda work, network: next(accuracies))

    shrunk = shrink_model(tiny_run, options(max_iou_drop=0.1, tuning_epochs=0, steps=50), run_path=tmp_path / "small")

    assert not any(step.kept for step in shrunk.steps[1:])
    assert len(shrunk.steps) > 2
    assert all("undone, below 0.8000" in step.reason for step in shrunk.steps[1:])
    tried = [(step.group, step.filters_after) for step in shrunk.steps if step.group]
    assert len(tried) == len(set(tried))  # no cut was tried twice, and it ended by itself
    for ours, first in zip(
        load_model(shrunk.run.best_model_path).get_weights(),
        load_model(tiny_run / "best.keras").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, first)


def test_fine_tuning_that_makes_it_worse_is_undone_and_the_cut_stays(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nano_u.workflows.shrinking as module

    accuracies = iter((0.8, 0.79, 0.7))  # the start, after the cut, after fine-tuning
    monkeypatch.setattr(module, "_validation_iou", lambda work, network: next(accuracies))
    plan = plan_shrinking(tiny_run, options())
    expected = plan.moves[0].make()

    shrunk = shrink_model(tiny_run, options(steps=1, max_iou_drop=0.02), run_path=tmp_path / "small")

    assert [(step.iou_cut, step.iou, step.kept) for step in shrunk.steps[1:]] == [(0.79, 0.79, True)]
    for ours, theirs in zip(load_model(shrunk.run.best_model_path).get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_fine_tuning_that_diverges_is_undone_and_the_cut_stays(tiny_run: Path, tmp_path: Path) -> None:
    shrunk = shrink_model(tiny_run, options(steps=1, learning_rate=1e30), run_path=tmp_path / "small")

    assert shrunk.steps[1].kept
    assert shrunk.steps[1].iou == shrunk.steps[1].iou_cut
    assert all(np.isfinite(weight).all() for weight in load_model(shrunk.run.best_model_path).get_weights())
    assert not (shrunk.run.path / "tuned.keras").exists()


def test_an_interrupted_shrinking_goes_on_to_what_it_would_have_come_to(tiny_run: Path, tmp_path: Path) -> None:
    def interrupt(step: ShrinkStep) -> None:
        if step.number == 1:
            raise KeyboardInterrupt

    whole = shrink_model(tiny_run, options(steps=2), run_path=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        shrink_model(tiny_run, options(steps=2), run_path=tmp_path / "parts", observer=ShrinkObserver(step=interrupt))
    assert not (tmp_path / "parts" / "best.keras").exists()

    parts = shrink_model(tiny_run, options(steps=2), run_path=tmp_path / "parts")

    outcome = [[(step.move, step.kept, step.cost) for step in run.steps] for run in (whole, parts)]
    assert outcome[0] == outcome[1]
    np.testing.assert_allclose([step.iou for step in parts.steps], [step.iou for step in whole.steps], atol=1e-6)


def test_dead_filters_go_first_also_where_it_was_interrupted_before_that(tiny_run: Path, tmp_path: Path) -> None:
    def interrupt(step: ShrinkStep) -> None:
        raise KeyboardInterrupt

    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    network = load_model(run / "best.keras")
    norm = network.get_layer("bottleneck_block1_pointwise_bn")
    norm.gamma.assign([1.0, 0.0, 1.0])
    norm.beta.assign([1.0, 0.0, 2.0])  # the second filter's channel is zero
    network.save(run / "best.keras")
    images = as_floats(find_model(run).load_data((16, 16, 3))["test"].images)
    with pytest.raises(KeyboardInterrupt):
        shrink_model(run, options(steps=1), run_path=tmp_path / "small", observer=ShrinkObserver(step=interrupt))

    shrunk = shrink_model(run, options(steps=1), run_path=tmp_path / "small")

    assert "that add nothing" in shrunk.steps[1].move
    smaller = load_model(shrunk.run.best_model_path)
    assert smaller.get_layer("bottleneck_block1_pointwise").filters < 3
    np.testing.assert_allclose(smaller(images), network(images), rtol=1e-4, atol=1e-4)


def test_other_options_or_a_finished_shrinking_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    shrink_model(tiny_run, options(steps=1), run_path=tmp_path / "small")

    with pytest.raises(RunError, match=r"is finished; give another --run-dir"):
        shrink_model(tiny_run, options(steps=1), run_path=tmp_path / "small")
    with pytest.raises(RunError, match=r"with other options; give another --run-dir"):
        shrink_model(tiny_run, options(steps=1, max_iou_drop=0.5), run_path=tmp_path / "small")
    with pytest.raises(RunError, match=r"with other options; give another --run-dir"):
        shrink_model(tiny_run, options(steps=1), run_path=tmp_path / "small", overrides=["batch_size=2"])
    with pytest.raises(RunError, match="holds a finished run"):
        shrink_model(tiny_run, options(steps=1), run_path=tiny_run)


def test_a_budget_that_cannot_be_met_says_by_how_much_and_leaves_all_files(tiny_run: Path, tmp_path: Path) -> None:
    shrunk = shrink_model(
        tiny_run, options(budget=Budget({"ram": 100}), tuning_epochs=0, steps=50), run_path=tmp_path / "small"
    )

    ram = summarise(architecture_of(load_model(shrunk.run.best_model_path))).arena_estimate_bytes
    with pytest.raises(BudgetError, match=rf"ram {ram:,} of 100 bytes"):
        shrunk.raise_over_budget()
    assert json.loads(shrunk.run.metrics_path.read_text())["over_budget"] == f"ram {ram:,} of 100 bytes"


def test_a_plan_tells_costs_of_real_cuts_and_writes_nothing(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = sorted(tiny_run.parent.rglob("*"))

    plan = plan_shrinking(tiny_run, options())
    shrunk = shrink_model(tiny_run, options(steps=1, tuning_epochs=0), run_path=tmp_path / "small")

    assert sorted(tiny_run.parent.rglob("*")) == files
    first = next(step for step in shrunk.steps if step.group)
    assert first.group == plan.moves[0].name
    assert first.cost == StepCost.of(plan.moves[0].cost)
    assert first.expected_loss == pytest.approx(plan.moves[0].loss, rel=1e-6)
    assert [move.worth for move in plan.moves] == sorted((move.worth for move in plan.moves), reverse=True)


@pytest.mark.parametrize("wrong", [{"max_iou_drop": -0.1}, {"steps": 0}, {"tuning_epochs": -1}, {"learning_rate": 0.0}])
def test_options_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        options(**wrong)


def test_without_validation_images_nothing_is_cut(tiny_run: Path, tmp_path: Path) -> None:
    source = json.loads((tiny_run / "provenance.json").read_text())["dataset"]["source"]
    data = Path(shutil.copytree(source, tmp_path / "data"))
    shutil.rmtree(data / "val")

    with pytest.raises(DataError, match="val"):
        shrink_model(tiny_run, options(), data=str(data), run_path=tmp_path / "small", overrides=["val_fraction=0"])
    assert not (tmp_path / "small").exists()
