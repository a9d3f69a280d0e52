"""Fault 34: a NaN or infinite loss stops training, names the images, and never becomes the best model.

A NaN cannot come out of a file of bytes; an absurd learning rate makes one inside the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nano_u.cli.main import main
from nano_u.models import load_model


def test_a_loss_that_is_not_finite_names_its_images_and_the_run_directory_serves_after_the_remedy(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["train", "--data", str(tiny_dataset), "--run-dir", str(run), "--quiet", "--set", *tiny_settings]

    code = main([*arguments, "learning_rate=1e30"])

    error = capsys.readouterr().err
    match = re.fullmatch(
        r"nano-u: error: (?:loss is (?:nan|inf) at|weights are NaN or infinite after) epoch 1, batch [12] "
        r"\(images: (.*)\); check these images, lower the learning rate or set training.gradient_clip\n",
        error,
    )
    assert code == 1
    assert match is not None, error
    named = set(match[1].split(", "))
    assert len(named) == 4
    assert named < {path.stem for path in (tiny_dataset / "train" / "img").iterdir()}
    assert not (run / "best.keras").exists()
    assert not (run / "metrics.json").exists()

    assert main([*arguments, "epochs=1"]) == 0
    assert all(np.isfinite(weight).all() for weight in load_model(run / "best.keras").get_weights())


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["epochs=2"], r"loss is (nan|inf) at epoch 2, batch 0"),
        (["epochs=1"], r"the validation loss was NaN or infinite after every epoch"),
    ],
)
def test_an_epoch_whose_only_step_broke_the_model_is_not_kept(
    tmp_path: Path,
    make_tiny_dataset: Callable[..., Path],
    tiny_settings: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    reason: str,
) -> None:
    """The loss of that step was still finite: only validation tells."""
    data, run = make_tiny_dataset(tmp_path / "data", train=4, test=2), tmp_path / "run"
    arguments = ["train", "--data", str(data), "--run-dir", str(run), "--quiet", "--set", *tiny_settings]

    code = main([*arguments, "learning_rate=1e30", *settings])

    error = capsys.readouterr().err
    assert code == 1
    assert re.search(reason, error)
    assert error.count("\n") == 1
    assert not (run / "best.keras").exists()
    assert not (run / "metrics.json").exists()
