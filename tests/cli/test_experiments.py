from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.graph import read_architecture, summarise


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


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table is narrowed and no line is wrapped, however wide the terminal of the tests is."""
    monkeypatch.setenv("COLUMNS", "220")


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


@pytest.fixture
def compared(tiny_run: Path, tmp_path: Path) -> Path:
    """A folder of three runs: one experiment with seed 3, a better one with seeds 3 and 4."""
    own = validation_iou(tiny_run)
    for name, seed, iou in (("own", 3, own), ("better", 3, own + 0.1), ("better", 4, own + 0.2)):
        run = shutil.copytree(tiny_run, tmp_path / "runs" / f"{name}-seed{seed}")
        config = (run / "config.yaml").read_text()
        (run / "config.yaml").write_text(config.replace("\nseed: 3\n", f"\nseed: {seed}\n"))
        metrics = json.loads((run / "metrics.json").read_text())
        metrics["validation"]["pooled"]["metrics"]["iou"] = iou
        (run / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path / "runs"


def test_compare_ranks_finished_runs_and_pairs_them_over_their_seeds(
    compared: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = validation_iou(tiny_run)
    cost = summarise(read_architecture(tiny_run))

    assert main(["experiments", "compare", str(compared), "--output-dir", str(tmp_path / "out")]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    costs = [f"{cost.macs:,}", f"{cost.peak_activation_bytes:,}", f"{cost.parameters:,}"]
    assert ["1", "better", f"{own + 0.15:.4f}", f"{0.1 / 2**0.5:.4f}", "2", "-", *costs, "-"] in rows
    assert ["2", "own", f"{own:.4f}", "-", "1", "-", *costs, "-"] in rows
    assert ["own", "1", "-0.1000", "-", "too", "few", "for", "a", "test", "-0.1000", "-0.1000"] in rows
    assert rows[-1] == ["picture:", str(tmp_path / "out" / "pareto.png")]
    assert (tmp_path / "out" / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_compare_prints_nothing_but_json_where_json_is_asked_for(
    compared: Path, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = validation_iou(tiny_run)

    assert main(["experiments", "compare", str(compared), "--json", "--output-dir", str(tmp_path)]) == 0

    report = json.loads(capsys.readouterr().out)
    assert [(row["experiment"], row["val_iou"]) for row in report["experiments"]] == [
        ("better", pytest.approx(own + 0.15)),
        ("own", pytest.approx(own)),
    ]
    (difference,) = report["differences"]
    assert (difference["baseline"], difference["other"], difference["low"]) == ("better", "own", None)
    assert [panel["front"] for panel in report["pareto"]] == [["better"], ["better"]]
    assert report["picture"] == str(tmp_path / "pareto.png")


def test_compare_shows_the_other_runs_and_fails_where_one_cannot_be_read(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (compared / "better-seed4" / "metrics.json").write_text("{")

    assert main(["experiments", "compare", str(compared), "gone", "--output-dir", str(tmp_path)]) == 1

    printed = capsys.readouterr()
    assert ranked(printed.out) == ["better", "own"]
    damaged = f"{compared / 'better-seed4' / 'metrics.json'}: damaged or not JSON"
    assert f"warning: left out: {damaged}" in printed.out
    assert "warning: left out: gone: no such run directory" in printed.out
    assert printed.err.startswith(f"nano-u: error: 2 of 4 runs left out, the first: {damaged}")
    assert (tmp_path / "pareto.png").exists()


def test_compare_never_loads_tensorflow(compared: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from nano_u.cli.main import main\n"
        f"code = main(['experiments', 'compare', {str(compared)!r}, '--output-dir', {str(tmp_path)!r}])\n"
        "print(code, sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "0 []"


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
        (["run", "FILE", "--set", "use_distillation=true"], "experiment 'whole': teacher_weights: ", 2),
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
