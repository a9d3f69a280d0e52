"""Training from the command line under the redundancy monitor."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.config import load_experiment

FILES = {
    *("nano_u_nas_metrics.csv", "nano_u_nas_layers.csv", "nano_u_nas.jsonl", "nano_u_nas_correlations.npz"),
    *("nano_u_nas_run.json", "graph.json"),
}


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def weight_bytes(run: Path) -> bytes:
    from nano_u.models import load_model

    return b"".join(weight.tobytes() for weight in load_model(run / "best.keras").get_weights())


def arguments(tiny_run: Path, tiny_settings: tuple[str, ...], *flags: str, run: Path) -> list[str]:
    """The options that made `tiny_run`, with these flags and into `run`."""
    return ["--quiet", "--data", str(tiny_run.parent / "data"), "--run-dir", str(run), *flags, "--set", *tiny_settings]


@pytest.fixture(scope="module")
def watched_run(tiny_run: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of `tiny_run` once more, with the monitor on; for reading only."""
    run = tmp_path_factory.mktemp("watched") / "run"
    assert main(["train", *arguments(tiny_run, tiny_settings, "--enable-nas", run=run)]) == 0
    return run


def test_the_monitor_writes_its_files_into_the_run_with_a_row_per_epoch(watched_run: Path) -> None:
    folder = watched_run / "nas"
    rows = read_csv(folder / "nano_u_nas_metrics.csv")
    layers = read_csv(folder / "nano_u_nas_layers.csv")

    assert {path.name for path in folder.iterdir()} >= FILES
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "3"), ("2", "6")]
    assert [row["layer"] for row in layers] == 2 * list(dict.fromkeys(row["layer"] for row in layers))
    assert {row["mode"] for row in layers} == {"inference"}
    assert json.loads((folder / "nano_u_nas_run.json").read_text())["seed"] == 3


def test_the_weights_are_byte_for_byte_those_of_the_training_without_a_monitor(
    watched_run: Path, tiny_run: Path
) -> None:
    assert weight_bytes(watched_run) == weight_bytes(tiny_run)


def test_the_history_has_the_monitors_columns_and_is_otherwise_the_one_without(
    watched_run: Path, tiny_run: Path
) -> None:
    rows, plain = read_csv(watched_run / "history.csv"), read_csv(tiny_run / "history.csv")
    watched = read_csv(watched_run / "nas" / "nano_u_nas_metrics.csv")
    metrics = json.loads((watched_run / "metrics.json").read_text())

    assert rows[0].keys() - plain[0].keys() == {"nas_redundancy", "nas_correlation", "nas_condition"}
    for ours, without in zip(rows, plain, strict=True):
        assert {key: ours[key] for key in without if key != "seconds"} == {
            key: value for key, value in without.items() if key != "seconds"
        }
    for column, field in (
        ("nas_redundancy", "redundancy_score"),
        ("nas_correlation", "correlation_mean"),
        ("nas_condition", "condition_number"),
    ):
        assert [float(row[column]) for row in rows] == [float(row[field]) for row in watched]
        assert metrics["final"][column] == float(rows[-1][column])


def test_the_runs_configuration_says_that_it_was_watched(watched_run: Path, tiny_run: Path) -> None:
    watched, plain = (load_experiment(run / "config.yaml") for run in (watched_run, tiny_run))

    assert watched.nas.enabled
    assert watched.model_copy(update={"nas": plain.nas}) == plain


def test_the_command_that_watches_looks_every_so_many_batches_where_it_is_told(
    tiny_run: Path, tiny_settings: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two epochs of three steps each; with a penalty, so that the loss has two parts."""
    csv_path, run = tmp_path / "elsewhere" / "mine.csv", tmp_path / "run"
    flags = ("--nas-batch-freq", "2", "--nas-csv-path", str(csv_path), "--nas-log-dir", str(tmp_path / "logs"))
    settings = (*tiny_settings, "nas.redundancy_weight=0.5", "nas.tensorboard=false")

    assert main(["train-with-nas", *arguments(tiny_run, settings, *flags, run=run)]) == 0

    rows, history = read_csv(csv_path), read_csv(run / "history.csv")
    layers = read_csv(csv_path.with_name("mine_layers.csv"))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "2"), ("2", "4"), ("2", "6")]
    assert {row["mode"] for row in layers} == {"training"}
    for row in history:
        assert float(row["redundancy_penalty"]) > 0
        assert float(row["task_loss"]) + float(row["redundancy_penalty"]) == pytest.approx(float(row["loss"]))
    assert weight_bytes(run) != weight_bytes(tiny_run)
    assert not (run / "nas").exists()
    table = capsys.readouterr().out.split("Most redundant layers, epoch 2\n")[1].splitlines()
    scores = {row["layer"]: f"{float(row['redundancy_score']):.3f}" for row in layers[-len(layers) // 3 :]}
    shown = [line.split() for line in table if line.split()[:1] and line.split()[0] in scores]
    assert [(line[0], line[2]) for line in shown] == sorted(scores.items(), key=lambda item: -float(item[1]))[:5]
    assert f"{float(rows[0]['redundancy_score']):.3f} -> {float(rows[-1]['redundancy_score']):.3f}" in "\n".join(table)


@pytest.mark.parametrize("command", ["train", pytest.param("train-with-nas", marks=pytest.mark.slow)])
def test_turned_off_on_the_command_line_nothing_of_it_runs_whatever_the_experiment_says(
    command: str,
    tiny_run: Path,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in ("nano_u.monitoring.callback", "nano_u.monitoring", "nano_u.capture.selection"):
        monkeypatch.setitem(sys.modules, module, None)  # whoever imports it fails
    (tmp_path / "on.yaml").write_text("use_nas: true\nnas: {redundancy_weight: 0.5}\n")
    flags = ("--config", "on.yaml", "--no-enable-nas", "--nas-log-dir", "elsewhere")

    assert main([command, *arguments(tiny_run, tiny_settings, *flags, run=tmp_path / "run")]) == 0

    assert {path.name for path in tmp_path.iterdir()} == {"on.yaml", "run"}
    assert not (tmp_path / "run" / "nas").exists()
    assert weight_bytes(tmp_path / "run") == weight_bytes(tiny_run)
    assert "edundan" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [["--nas-log-dir", "x"], ["--nas-csv-path", "x.csv"], ["--nas-log-freq", "epoch"], ["--nas-batch-freq", "5"]],
)
def test_an_option_for_a_monitor_that_is_off_is_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", "synthetic", "--run-dir", str(tmp_path / "run"), *flags]) == 2

    assert capsys.readouterr().err == (
        "nano-u: error: --nas-... options: monitoring is off; add --enable-nas, or --no-enable-nas to ignore them\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("nas.layers=[botleneck]", "'nano_u' has no layer 'botleneck'; did you mean 'bottleneck'"),
        ("nas.layers=[/[/]", "/[/"),
        ("nas.max_channels=1", "nas.max_channels: should be greater than or equal to 2, got 1"),
    ],
)
def test_a_wrong_setting_is_one_line_before_anything_is_read_or_written(
    setting: str,
    message: str,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"

    code = main(["train-with-nas", "--data", "nowhere", "--run-dir", str(run), "--set", *tiny_settings, setting])

    printed = capsys.readouterr().err
    assert code == 2
    assert message in printed
    assert printed.count("\n") == 1
    assert not run.exists()
