from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.monitoring.sinks.run_file import RunFacts, RunFile
from nano_u.runs import read_json


class Clock:
    """Each look at it finds another second gone, so that a save takes one and 50 of rest follow."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_everything_known_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    file = RunFile(
        path,
        RunFacts("net", 17112, 11_074_560, 3, {"layers": ["a"], "dir": tmp_path}, "r1"),
        first_epoch=1,
        clock=Clock(),
    )
    file.save()
    file.write_epoch(1, 0.5)
    file.write_epoch(2, None)
    file.write_epoch(3, float("nan"))
    file.close()

    assert read_json(path) == {
        "run_id": "r1",
        "model_name": "net",
        "parameters": 17112,
        "macs": 11_074_560,
        "seed": 3,
        "validation_iou": [{"epoch": 1, "iou": 0.5}, {"epoch": 2, "iou": None}, {"epoch": 3, "iou": None}],
        "settings": {"layers": ["a"], "dir": str(tmp_path)},
    }


def test_epochs_shorter_than_a_save_are_saved_together(tmp_path: Path) -> None:
    path, clock = tmp_path / "run.json", Clock()
    file = RunFile(path, RunFacts("net"), first_epoch=1, clock=clock)
    file.save()

    file.write_epoch(1, 0.1)
    assert read_json(path)["validation_iou"] == []
    clock.now += 50
    file.write_epoch(2, 0.2)
    assert len(read_json(path)["validation_iou"]) == 2
    file.write_epoch(3, 0.3)
    file.flush()
    assert len(read_json(path)["validation_iou"]) == 3


def test_runs_of_one_second_have_different_ids(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        RunFile(tmp_path / name, RunFacts("net"), first_epoch=1, clock=Clock()).save()

    assert read_json(tmp_path / "a.json")["run_id"] != read_json(tmp_path / "b.json")["run_id"]


def test_a_continued_run_keeps_its_id_and_its_earlier_epochs(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    file = RunFile(path, RunFacts("net", run_id="first"), first_epoch=1, clock=Clock())
    for epoch in (1, 2, 3):
        file.write_epoch(epoch, epoch / 10)
    file.close()

    RunFile(path, RunFacts("net", seed=5, run_id="second"), first_epoch=3, clock=Clock()).save()

    record = read_json(path)
    assert (record["run_id"], record["seed"]) == ("first", 5)
    assert record["validation_iou"] == [{"epoch": 1, "iou": 0.1}, {"epoch": 2, "iou": 0.2}]


def test_another_models_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    RunFile(path, RunFacts("net"), first_epoch=1, clock=Clock()).save()

    with pytest.raises(RunError, match=r"run\.json: belongs to a model with model_name 'net', not 'other'"):
        RunFile(path, RunFacts("other"), first_epoch=2, clock=Clock())


@pytest.mark.parametrize("content", ["[]", '{"model_name": "net", "parameters": null, "validation_iou": [1]}'])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)

    with pytest.raises(RunError, match=r"run\.json: not the record of a run"):
        RunFile(path, RunFacts("net"), first_epoch=2, clock=Clock())
