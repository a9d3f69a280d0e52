"""What users get wrong most often: one clear line, exit code not 0, nothing half-made, nothing good touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.cli.main import main


def remove_three_masks(data: Path) -> None:
    for number in (0, 4, 7):
        (data / "train" / "mask" / f"train{'A' if number < 6 else 'B'}_{number:03d}.png").unlink()


def truncate_a_jpeg(data: Path) -> None:
    image = data / "train" / "img" / "trainA_002.png"
    with Image.open(image) as picture:
        picture.resize((16, 16)).save(image.with_suffix(".jpg"), quality=95)
    image.unlink()
    whole = image.with_suffix(".jpg").read_bytes()
    image.with_suffix(".jpg").write_bytes(whole[: len(whole) // 2])


def blacken_all_masks(data: Path) -> None:
    for mask in (data / "train" / "mask").iterdir():
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(mask)


def nothing(data: Path) -> None:
    """The dataset is sound."""


Fault = tuple[Callable[[Path], None], list[str], list[str], int]
FAULTS: dict[str, Fault] = {
    "missing masks": (remove_three_masks, [], ["trainA_000", "trainA_004", "trainB_007", "mask"], 1),
    "truncated JPEG": (truncate_a_jpeg, [], ["trainA_002.jpg: damaged"], 1),
    "all-zero masks": (blacken_all_masks, [], ["train: all pixels of all 12 masks are background"], 1),
    "unknown key": (nothing, ["traning.loss=dice"], ["unknown key 'traning'", "did you mean 'training'?"], 2),
    "unknown model name": (nothing, ["model_name=nano_v"], ["unknown model 'nano_v'", "nano_u, bu_net"], 2),
    "size that does not divide": (nothing, ["model.input_shape=[17,16,3]"], ["17", "16"], 1),
    "images without colour": (nothing, ["model.input_shape=[16,16,1]"], ["images are RGB", "got [16, 16, 1]"], 2),
    "no data": (shutil.rmtree, [], ["no such folder"], 1),
    "unknown layer to monitor": (nothing, ["use_nas=true", "nas.layers=[botleneck]"], ["no layer 'botleneck'"], 2),
    "no teacher": (nothing, ["use_distillation=true"], ["teacher_weights: ", "name its run directory"], 2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_train_says_it_in_one_line_and_makes_no_run_directory(
    fault: str,
    tiny_dataset: Path,
    tmp_path: Path,
    tiny_settings: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil, settings, words, expected = FAULTS[fault]
    spoil(tiny_dataset)
    run = tmp_path / "run"

    code = main(["train", "--data", str(tiny_dataset), "--run-dir", str(run), "--set", *tiny_settings, *settings])

    printed = capsys.readouterr()
    assert code == expected
    assert printed.out == ""
    assert printed.err.startswith("nano-u: error: ")
    assert printed.err.count("\n") == 1
    for word in words:
        assert word in printed.err
    assert not run.exists()


def test_an_unknown_key_of_a_file_is_named_with_its_line_and_the_closest_known_one(
    tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: 2\ntraining:\n  los: dice\n")

    code = main(["train", "--config", str(file), "--data", str(tiny_dataset), "--run-dir", str(tmp_path / "run")])

    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    assert f"{file}:3: unknown key 'training.los'; did you mean 'loss'?" in error
    assert not (tmp_path / "run").exists()


def test_no_dataset_is_never_replaced_by_a_synthetic_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["train"]) == 2

    assert capsys.readouterr().err.startswith("nano-u: error: data: no dataset named; give --data DIR")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["train", "epochs=5"], "; write --set epochs=5 (see"),
        (["train", "here", "epochs=5", "training.loss=dice"], "; write --set epochs=5 training.loss=dice (see"),
        (["doctor", "data", "dataset.mask_suffix=_mask"], "; write --set dataset.mask_suffix=_mask (see"),
    ],
)
def test_a_setting_without_its_option_is_told_how_to_write_it(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert hint in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["train", "here"], ["experiments", "list", "file.yaml", "epochs=5"]])
def test_other_extra_arguments_get_no_such_hint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2

    assert "Got unexpected extra argument" in (error := capsys.readouterr().err)
    assert "--set" not in error


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_dataset_that_broke_after_training_leaves_earlier_output_as_it_was(
    command: str, tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    data = shutil.copytree(tiny_run.parent / "data", tmp_path / "data")
    truncate_a_jpeg(data)
    for name in ("evaluation/test/table.txt", "export/export.json"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("earlier")

    code = main([command, str(run), "--data", str(data)])

    printed = capsys.readouterr()
    assert code == 1
    assert printed.err.count("\n") == 1
    assert "trainA_002.jpg" in printed.err
    assert [path.read_text() for path in (run / "evaluation").rglob("*") if path.is_file()] == ["earlier"]
    assert [path.read_text() for path in (run / "export").iterdir()] == ["earlier"]
