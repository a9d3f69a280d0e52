"""What the benchmarks of shrinking take from an earlier call, and what they refuse."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from nano_u.errors import RunError
from nano_u.graph.budget import Budget
from nano_u.runs import RunDirectory, write_json
from nano_u.workflows.shrink_options import ShrinkOptions

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
OPTIONS = ShrinkOptions(budget=Budget({"ram": 65_536}), tuning_epochs=8, steps=40)


@pytest.fixture
def shrinking(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("shrinking")


@pytest.fixture
def start(tmp_path: Path) -> Path:
    path = tmp_path / "best.keras"
    path.write_bytes(b"a network")
    return path


@pytest.fixture
def small(tmp_path: Path, start: Path) -> RunDirectory:
    """A shrinking with `OPTIONS`, and how many steps the benchmark allowed."""
    run = RunDirectory(tmp_path / "small")
    run.path.mkdir()
    digest = hashlib.sha256(start.read_bytes()).hexdigest()
    began_with = {**OPTIONS.record(), "config": {}, "model_sha256": digest}
    write_json(run.shrink_path, {"began_with": began_with, "steps": []})
    write_json(tmp_path / "small.json", {"steps": OPTIONS.steps})
    return run


def test_a_shrinking_with_the_same_options_is_taken(shrinking: ModuleType, small: RunDirectory, start: Path) -> None:
    shrinking.check_options(small, OPTIONS, start)
    shrinking.check_options(RunDirectory(small.path / "none yet"), OPTIONS, start)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (ShrinkOptions(budget=OPTIONS.budget, tuning_epochs=2), "tuning_epochs"),
        (ShrinkOptions(budget=OPTIONS.budget, tuning_epochs=8, steps=3), "steps"),
        (ShrinkOptions(budget=Budget({"ram": 1}), tuning_epochs=8, max_iou_drop=0.5), "budget, max_iou_drop"),
    ],
)
def test_a_shrinking_with_other_options_is_refused_and_they_are_named(
    shrinking: ModuleType, small: RunDirectory, start: Path, options: ShrinkOptions, named: str
) -> None:
    with pytest.raises(RunError, match=f"was made with other {named}; remove it"):
        shrinking.check_options(small, options, start)


def test_a_shrinking_of_another_network_or_of_unknown_length_is_refused(
    shrinking: ModuleType, small: RunDirectory, start: Path
) -> None:
    start.write_bytes(b"another network")
    (small.path.parent / "small.json").unlink()

    with pytest.raises(RunError, match="was made with other model_sha256, steps"):
        shrinking.check_options(small, OPTIONS, start)


def test_a_row_of_channel_selection_is_named_for_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    name = importlib.import_module("channel_selection").cut_name

    assert name(0.25, 10, "L1 magnitude", "left out") == "cut-0.25-10-epochs-L1-magnitude-left-out"
