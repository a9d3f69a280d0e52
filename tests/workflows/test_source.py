from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.data import ImageSet
from nano_u.errors import ConfigError, DataError, ModelError, RunError
from nano_u.workflows.source import accuracy_split, find_model, floor_of, split_of


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
        source.load_data((16, 16, 3))


def test_a_run_without_its_model_and_what_is_no_model_are_refused(tiny_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "best.keras").unlink()

    with pytest.raises(RunError, match=r"best\.keras is missing"):
        find_model(run)
    with pytest.raises(ModelError, match=r"config\.yaml: neither a run directory nor a \.keras, \.h5, \.tflite file"):
        find_model(run / "config.yaml")


def test_data_is_read_at_the_size_of_the_model_not_of_the_configuration(tiny_run: Path) -> None:
    splits = find_model(tiny_run).load_data((8, 8, 3))

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
        find_model(run).load_data((16, 16, 3))


@pytest.fixture
def own_run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the shared run with a copy of its data, `data` beside it."""
    run = shutil.copytree(tiny_run, tmp_path / "run")
    data = shutil.copytree(tiny_run.parent / "data", tmp_path / "data")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(str(tiny_run.parent / "data"), str(data)))
    return run


@pytest.mark.parametrize(
    ("flipped", "changed"), [(None, None), ("val/img/valB_003.png", "val"), ("test/mask/testA_000.png", "test")]
)
def test_21_one_flipped_pixel_is_a_warning_that_names_its_split(
    own_run: Path, caplog: pytest.LogCaptureFixture, flipped: str | None, changed: str | None
) -> None:
    if flipped is not None:
        path = own_run.parent / "data" / flipped
        pixels = np.array(Image.open(path))
        pixels[3, 4] = 255 - pixels[3, 4]
        Image.fromarray(pixels).save(path)

    with caplog.at_level(logging.WARNING, "nano_u"):
        find_model(own_run).load_data((16, 16, 3))

    assert [f"changed since training: {changed} (" in text for text in caplog.messages] == [True] * (
        changed is not None
    )


def test_21_images_that_were_added_or_taken_away_are_found_too(own_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(own_run.parent / "data" / "test")
    (own_run.parent / "data" / "train" / "img" / "trainA_000.png").unlink()
    (own_run.parent / "data" / "train" / "mask" / "trainA_000.png").unlink()

    find_model(own_run).load_data((16, 16, 3))

    assert "changed since training: train, test (" in caplog.text


@pytest.mark.parametrize("size", [(16, 16, 3), (8, 8, 3)])
def test_21_other_data_and_other_sizes_are_compared_with_nothing(
    own_run: Path, make_tiny_dataset: Callable[..., Path], caplog: pytest.LogCaptureFixture, size: tuple[int, int, int]
) -> None:
    other = make_tiny_dataset(own_run.parent / "other", seed=9)
    data = str(other) if size == (16, 16, 3) else None

    find_model(own_run, data=data).load_data(size)

    assert caplog.messages == []


@pytest.mark.parametrize(
    ("data", "overrides", "label"),
    [
        (None, (), None),
        ("data", (), None),
        ("elsewhere/../data/", (), None),
        (None, ("epochs=9",), None),
        ("other", (), "other"),
        ("synthetic", (), "synthetic"),
        (None, ("data=other",), "other"),
        (None, ("dataset.ignore_index=7",), "data"),
        (None, ("val_fraction=0.1",), "data"),
    ],
)
def test_data_is_the_runs_own_only_where_it_is_read_as_in_training(
    own_run: Path, monkeypatch: pytest.MonkeyPatch, data: str | None, overrides: tuple[str, ...], label: str | None
) -> None:
    monkeypatch.chdir(own_run.parent)

    assert find_model(own_run, data=data, overrides=overrides).data_label == label


def test_a_file_outside_its_run_sees_the_split_of_training(tmp_path: Path, flat_dataset: Path, tiny_run: Path) -> None:
    config = (tiny_run / "config.yaml").read_text()
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "config.yaml").write_text(config.replace(str(tiny_run.parent / "data"), str(flat_dataset)))
    shutil.copy(run / "best.keras", tmp_path / "copy.keras")

    inside = find_model(run).load_data((16, 16, 3))
    outside = find_model(tmp_path / "copy.keras", data=str(flat_dataset)).load_data((16, 16, 3))

    assert find_model(run).config.seed == 3
    assert {name: part.names for name, part in inside.items()} == {name: part.names for name, part in outside.items()}


@pytest.fixture
def flat_dataset(tmp_path: Path, tiny_run: Path) -> Path:
    """The images of the shared run without split folders, six groups in all."""
    for folder in ("img", "mask"):
        (tmp_path / "flat" / folder).mkdir(parents=True)
        for path in (tiny_run.parent / "data").glob(f"*/{folder}/*.png"):
            shutil.copy(path, tmp_path / "flat" / folder)
    return tmp_path / "flat"


def test_a_name_that_is_nothing_yet_gets_the_runs_that_are_close(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()

    with pytest.raises(RunError, match=r"frist: no such run directory; did you mean .*first\?"):
        find_model(tmp_path / "frist")


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


def test_samples_are_the_files_of_the_images_in_their_order(tiny_run: Path) -> None:
    source = find_model(tiny_run)
    images = source.load_data((16, 16, 3))["test"]

    samples = source.samples("test", images.names[::-1])

    assert samples is not None
    assert [sample.name for sample in samples] == list(images.names[::-1])
    assert all(sample.image.is_file() for sample in samples)
    with pytest.raises(DataError, match=r"changed while they were read \(gone_001\)"):
        source.samples("test", ("gone_001",))


def test_accuracy_is_told_on_test_images_where_there_are_some(tiny_run: Path) -> None:
    splits = find_model(tiny_run).load_data((16, 16, 3))

    assert accuracy_split(splits, None) == "test"
    assert accuracy_split({"val": splits["val"]}, None) == "val"
    assert accuracy_split(splits, "train") == "train"
