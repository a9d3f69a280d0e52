from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from nano_u.cli.main import main


@pytest.fixture
def file(tiny_run: Path, tmp_path: Path) -> Path:
    """Three experiments: the shared run's, one that cannot find its data, and a shorter one under the monitor."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"extends: {tiny_run / 'config.yaml'}\n"
        "experiments:\n"
        "  whole:\n"
        "  lost: {data: nowhere}\n"
        "  short: {epochs: 1, seed: 8, use_nas: true, nas_frequency: 2}\n"
    )
    return path


def test_a_failing_experiment_is_reported_and_the_others_are_ranked(
    file: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`whole` is the shared run, put where an earlier call would have left it."""
    runs = tmp_path / "runs"
    shutil.copytree(tiny_run, runs / "whole-seed3")

    code = main(["experiments", "run", str(file), "--output-dir", str(runs)])

    printed = capsys.readouterr()
    scores = {name: validation_iou(runs / name) for name in ("whole-seed3", "short-seed8")}
    assert code == 1
    assert printed.err.splitlines()[-1] == (
        f"nano-u: error: 1 of 3 runs failed, the first ({runs / 'lost-seed3'}): nowhere: no such folder"
    )
    assert [line for line in printed.err.splitlines() if line.startswith(("whole", "lost", "short"))] == [
        f"whole seed 3: done, finished earlier, val IoU {scores['whole-seed3']:.4f}",
        "lost seed 3: failed, nowhere: no such folder",
        f"short seed 8: done, val IoU {scores['short-seed8']:.4f}",
    ]
    assert ranked(printed.out) == [*sorted(("whole", "short"), key=lambda name: -best(scores, name)), "lost"]
    assert not (runs / "lost-seed3").exists()
    watched = read_csv(runs / "short-seed8" / "nas" / "nano_u_nas_metrics.csv")
    assert [(row["epoch"], row["step"]) for row in watched] == [("1", "2")]
    assert [
        (row["experiment"], row["seed"], row["status"], row["val_iou"]) for row in read_csv(runs / "summary.csv")
    ] == [
        ("whole", "3", "done", str(scores["whole-seed3"])),
        ("lost", "3", "failed", ""),
        ("short", "8", "done", str(scores["short-seed8"])),
    ]


def validation_iou(run: Path) -> float:
    return float(json.loads((run / "metrics.json").read_text())["validation"]["pooled"]["metrics"]["iou"])


def best(scores: dict[str, float], experiment: str) -> float:
    return next(score for name, score in scores.items() if name.startswith(experiment))


def ranked(text: str) -> list[str]:
    """The experiments of a ranking table, best first."""
    rows = [line.split() for line in text.splitlines()]
    return [row[1] for row in rows if row and row[0] in ("1", "2", "3", "-")]


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_seeds_count_up_from_the_experiments_own(
    file: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["experiments", "run", str(file), "lost", "--seeds", "3", "--output-dir", str(tmp_path / "runs")])

    assert code == 1
    assert [row["seed"] for row in read_csv(tmp_path / "runs" / "summary.csv")] == ["3", "4", "5"]
    assert "3 of 3 runs failed" in capsys.readouterr().err


def test_compare_ranks_finished_runs_over_their_seeds(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = validation_iou(tiny_run)
    for name, seed, iou in (("own", 3, own), ("better", 3, own + 0.1), ("better", 4, own + 0.2)):
        run = shutil.copytree(tiny_run, tmp_path / "runs" / f"{name}-seed{seed}")
        config = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(config.replace("\nseed: 3\n", f"\nseed: {seed}\n"))
        metrics = json.loads((run / "metrics.json").read_text())
        metrics["validation"]["pooled"]["metrics"]["iou"] = iou
        (run / "metrics.json").write_text(json.dumps(metrics))

    assert main(["experiments", "compare", str(tmp_path / "runs")]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [
        ["1", "better", f"{own + 0.15:.4f}", f"{0.1 / 2**0.5:.4f}", "2", "0"],
        ["2", "own", f"{own:.4f}", "-", "1", "0"],
    ]


def test_the_list_shows_what_each_experiment_would_run(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments", "list", str(file)]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:6] for row in rows] == [
        ["whole", "nano_u", "2", "4", "0.02", "bce"],
        ["lost", "nano_u", "2", "4", "0.02", "bce"],
        ["short", "nano_u", "1", "4", "0.02", "bce"],
    ]
    assert rows[1][6] == "nowhere"


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["run", "FILE", "shrot"], "unknown experiment 'shrot'; did you mean 'short'?", 2),
        (["run", "FILE", "--set", "epoch=3"], "unknown key 'epoch'; did you mean 'epochs'?", 2),
        (["run", "FILE", "--set", "use_distillation=true"], "experiment 'whole': use_distillation: ", 2),
        (["run", "gone.yaml"], "gone.yaml", 2),
        (["list", "gone.yaml"], "gone.yaml", 2),
        (["compare", "gone"], "gone: no such run directory", 1),
    ],
)
def test_what_cannot_be_run_is_one_line_and_writes_nothing(
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["experiments", *(str(file) if part == "FILE" else part for part in arguments)]) == code

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml"}


def test_a_file_that_is_one_experiment_is_told_how_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.yaml").write_text("epochs: 1\n")

    assert main(["experiments", "list", str(tmp_path / "one.yaml")]) == 0
    assert main(["experiments", "run", str(tmp_path / "one.yaml")]) == 2

    printed = capsys.readouterr()
    hint = f"names no experiments; `nano-u train --config {tmp_path / 'one.yaml'}` runs the file as one"
    assert hint in printed.out
    assert hint in printed.err
