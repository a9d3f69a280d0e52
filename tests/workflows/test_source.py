from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from nano_u.data import ImageSet
from nano_u.errors import ConfigError, DataError, ModelError, RunError
from nano_u.workflows.source import find_model, floor_of, split_of


def image_set(masks: list[int]) -> ImageSet:
    """Images of one pixel with these masks."""
    count = len(masks)
    names = tuple(f"image_{index}" for index in range(count))
    pixels = np.array(masks, np.uint8).reshape(count, 1, 1, 1)
    return ImageSet(np.zeros((count, 1, 1, 3), np.uint8), pixels, names, ("image",) * count)


def test_a_run_directory_is_its_best_model_with_its_own_configuration(tiny_run: Path) -> None:
    source = find_model(tiny_run)

    assert source.path == tiny_run / "best.keras"
    assert source.run is not None
    assert (source.run.path, source.config.seed) == (tiny_run, 3)


@pytest.mark.parametrize("place", ["last.keras", "export/model.tflite"])
def test_a_file_knows_the_run_that_it_lies_in(tiny_run: Path, tmp_path: Path, place: str) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / place).parent.mkdir(exist_ok=True)
    (run / place).write_bytes(b"model")

    source = find_model(run / place)

    assert source.path == run / place
    assert source.run is not None
    assert source.run.path.samefile(run)


def test_a_file_of_no_run_takes_the_defaults_and_needs_data(tmp_path: Path) -> None:
    (tmp_path / "mine.keras").write_bytes(b"model")

    source = find_model(tmp_path / "mine.keras")

    assert source.run is None
    with pytest.raises(ConfigError, match="--data must name its images and masks"):
        source.load_data(None, (16, 16, 3))


def test_a_run_without_its_model_and_what_is_no_model_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "best.keras").unlink()

    with pytest.raises(RunError, match=r"best\.keras is missing"):
        find_model(run)
    with pytest.raises(ModelError, match=r"config\.yaml: neither a run directory nor a \.keras, \.h5, \.tflite file"):
        find_model(run / "config.yaml")


def test_data_is_read_at_the_size_of_the_model_not_of_the_configuration(tiny_run: Path) -> None:
    splits = find_model(tiny_run).load_data(None, (8, 8, 3))

    assert {split: part.images.shape for split, part in splits.items()} == {
        "train": (12, 8, 8, 3),
        "val": (4, 8, 8, 3),
        "test": (4, 8, 8, 3),
    }


def test_a_run_whose_data_has_moved_says_what_it_was_trained_on(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(str(tiny_run.parent / "data"), "moved"))

    with pytest.raises(DataError, match="was trained on moved, which is not here; give --data DIR"):
        find_model(run).load_data(None, (16, 16, 3))


def test_a_missing_split_lists_those_that_have_images() -> None:
    splits = {"train": image_set([0, 1]), "val": image_set([])}

    assert split_of(splits, "train") is splits["train"]
    for name in ("val", "test"):
        with pytest.raises(DataError, match=f"no images in split '{name}'; this dataset has: train"):
            split_of(splits, name)


def test_the_floor_is_the_mean_training_mask_or_none() -> None:
    floor = floor_of({"train": image_set([0, 1, 1, 1]), "test": image_set([0])})

    assert floor is not None
    assert floor.tolist() == [[0.75]]
    assert floor_of({"test": image_set([0])}) is None
