from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nano_u.cli.lazy_group import Command
from nano_u.cli.main import COMMANDS, main
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import load_data
from nano_u.graph import read_architecture, summarise

RUN_FILES = {"best.keras", "config.yaml", "graph.json", "history.csv", "history.png", "metrics.json", "provenance.json"}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_directory_holds_its_files_and_nothing_else(tiny_run: Path) -> None:
    added_by_others = {"evaluation", "soft_targets"}  # tests that share the run evaluate it, or teach with it

    assert {path.name for path in tiny_run.iterdir()} - added_by_others == RUN_FILES


def test_the_configuration_reloads_as_it_was_resolved(tiny_run: Path, tiny_settings: tuple[str, ...]) -> None:
    data = str(tiny_run.parent / "data")

    assert load_experiment(tiny_run / "config.yaml") == load_experiment(
        None, None, tiny_settings, settings={"data": data}
    )


def test_the_history_has_a_row_per_epoch_and_the_metrics_the_last_and_the_best(tiny_run: Path) -> None:
    rows = list(csv.DictReader((tiny_run / "history.csv").read_text().splitlines()))
    metrics = json.loads((tiny_run / "metrics.json").read_text())

    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert metrics["epochs"] == 2
    assert metrics["final"] == {key: float(rows[-1][key]) for key in ("loss", "iou", "val_loss", "val_iou")}
    best = max(rows, key=lambda row: float(row["val_iou"]))
    assert metrics["best_epoch"] == int(best["epoch"])
    assert not metrics["batch_norm"]["reestimated"]
    assert metrics["validation"]["pooled"]["metrics"]["iou"] == pytest.approx(float(best["val_iou"]), abs=1e-6)


def test_the_architecture_record_counts_the_parameters_of_the_model(tiny_run: Path) -> None:
    from nano_u import count_parameters
    from nano_u.models import load_model

    parameters = summarise(read_architecture(tiny_run / "graph.json")).parameters

    assert parameters == count_parameters(load_model(tiny_run / "best.keras")) == 153


def test_provenance_identifies_seed_and_data_to_the_pixel(tiny_run: Path, tmp_path: Path) -> None:
    config = load_experiment(tiny_run / "config.yaml")
    provenance = json.loads((tiny_run / "provenance.json").read_text())
    recorded = {split: entry["sha256"] for split, entry in provenance["dataset"]["splits"].items()}
    data = shutil.copytree(tiny_run.parent / "data", tmp_path / "data")

    before = {split: part.fingerprint() for split, part in load_data(str(data), config).items()}
    change_one_pixel(data / "val" / "img" / "valA_000.png")
    after = {split: part.fingerprint() for split, part in load_data(str(data), config).items()}

    assert provenance["seed"] == 3
    assert {split: entry["images"] for split, entry in provenance["dataset"]["splits"].items()} == {
        "train": 12,
        "val": 4,
        "test": 4,
    }
    assert before == recorded
    assert {split for split in before if before[split] != after[split]} == {"val"}


def change_one_pixel(path: Path) -> None:
    with Image.open(path) as image:
        changed = image.copy()
    red, green, blue = changed.getpixel((3, 3))
    changed.putpixel((3, 3), (red ^ 1, green, blue))
    changed.save(path)


def test_a_finished_run_is_never_trained_over(
    tiny_run: Path, tiny_settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tiny_run)

    code = main(["train", "--data", str(tiny_run.parent / "data"), "--run-dir", str(tiny_run), "--set", *tiny_settings])

    assert code == 1
    assert capsys.readouterr().err == (
        f"nano-u: error: {tiny_run}: holds a finished run; choose another run directory or remove this one\n"
    )
    assert contents(tiny_run) == before


def test_without_validation_images_the_last_epoch_is_kept_and_h5_is_a_second_copy(
    tmp_path: Path,
    make_tiny_dataset: Callable[..., Path],
    tiny_settings: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nano_u.models import load_model

    data = make_tiny_dataset(tmp_path / "data", val=0, test=0)
    for split in ("val", "test"):
        shutil.rmtree(data / split)
    settings = (*tiny_settings, "epochs=1", "val_fraction=0.0")

    code = main(
        ["train", "--data", str(data), "--run-dir", str(tmp_path / "run"), "--save-format", "h5", "--set", *settings]
    )

    printed = capsys.readouterr()
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert code == 0
    assert printed.out.index("Cost of nano_u") < printed.out.index("Fits") < printed.out.index("run: ")
    assert "epoch 1/1" in printed.err
    assert (metrics["best_epoch"], metrics["validation"]) == (1, None)
    kept = load_model(tmp_path / "run" / "best.keras").get_weights()
    for first, second in zip(kept, load_model(tmp_path / "run" / "best.h5").get_weights(), strict=True):
        assert first.tobytes() == second.tobytes()


@pytest.mark.slow
def test_a_savedmodel_copy_computes_what_the_best_model_computes(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...]
) -> None:
    import numpy as np
    import tensorflow as tf

    from nano_u.models import load_model

    run = tmp_path / "run"
    arguments = ["--data", str(tiny_dataset), "--run-dir", str(run), "--save-format", "savedmodel"]

    assert main(["train", "--quiet", *arguments, "--set", *tiny_settings]) == 0

    images = np.random.default_rng(0).random((3, 16, 16, 3), np.float32)
    served = tf.saved_model.load(str(run / "model"))
    np.testing.assert_allclose(served.serve(images), load_model(run / "best.keras")(images, training=False), atol=1e-5)


@pytest.mark.slow
def test_two_processes_with_two_threads_train_byte_equal_weights(
    tmp_path: Path, make_tiny_dataset: Callable[..., Path]
) -> None:
    """The default network at its own size, where threads share the work of a step."""
    from nano_u.models import load_model

    data = make_tiny_dataset(tmp_path / "data", train=48, size=(48, 64))
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    weights = []
    for run in (tmp_path / "first", tmp_path / "second"):
        arguments = ["--data", str(data), "--run-dir", str(run), "--epochs", "2", "--set", "training.threads=2"]
        subprocess.run([sys.executable, "-m", "nano_u", "train", "--quiet", *arguments], env=environment, check=True)
        threads = json.loads((run / "provenance.json").read_text())["threads"]
        weights.append(b"".join(weight.tobytes() for weight in load_model(run / "best.keras").get_weights()))
        assert threads["configured"] == 2

    assert weights[0] == weights[1]


def test_the_defaults_that_the_help_names_are_those_of_an_experiment() -> None:
    command = next(entry for entry in COMMANDS if entry.name == "train")
    assert isinstance(command, Command)
    named = {
        parameter.name: float(match[1])
        for parameter in command.load().params
        if (match := re.search(r"\[default: ([\d.e-]+)\]", getattr(parameter, "help", None) or ""))
    }
    defaults = ExperimentConfig()

    assert named == {
        "epochs": defaults.epochs,
        "batch_size": defaults.batch_size,
        "lr": defaults.learning_rate,
        "alpha": defaults.alpha,
        "temperature": defaults.temperature,
    }


def test_verbose_logging_says_what_was_read_and_chosen(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--data", str(tiny_dataset), "--epochs", "1", "--run-dir", str(tmp_path / "run")]
    settings = [text for text in tiny_settings if not text.startswith("epochs=")]

    assert main([*arguments, "--set", "verbose_logging=true", *settings]) == 0

    assert "12 train, 4 val, 4 test images" in capsys.readouterr().err


def test_an_undefined_iou_is_called_undefined(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No foreground in the masks, and the student finds none: there is nothing to divide by."""
    import numpy as np

    from nano_u.cli.train import show_outcome
    from nano_u.data import ImageSet
    from nano_u.evaluation import evaluate
    from nano_u.runs import RunDirectory
    from nano_u.workflows.training import TrainingRun

    monkeypatch.setenv("COLUMNS", "140")
    empty = ImageSet(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 4, 1), np.uint8), ("a_0", "a_1"), ("a", "a"))
    nothing, something = (
        evaluate(np.full((2, 4, 4, 1), logit, np.float32), empty, floor_probabilities=None) for logit in (-5, 5)
    )
    run, missing = RunDirectory(tmp_path), None
    trained = TrainingRun(run, missing, missing, 1, nothing, None, teacher=something, int8=nothing)  # type: ignore[arg-type]

    show_outcome(trained)

    printed = capsys.readouterr().out
    assert "under int8 arithmetic: validation IoU undefined, float undefined\n" in printed
    assert "on the same images: student IoU undefined, teacher 0.000\n" in printed
