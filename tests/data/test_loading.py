from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.config import DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data.index import index_dataset
from nano_u.data.loading import load_data, load_images
from nano_u.data.sample import Sample
from nano_u.errors import DataError

CONFIG = DatasetConfig()
EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(8, 8, 3)))


def sample(folder: Path, image: np.ndarray, mask: np.ndarray) -> Sample:
    Image.fromarray(image).save(folder / "image.png")
    Image.fromarray(mask).save(folder / "mask.png")
    return Sample("a_1", folder / "image.png", folder / "mask.png", "a")


def test_files_are_loaded_once_at_the_size_asked_for(tiny_dataset: Path) -> None:
    samples = index_dataset(tiny_dataset, CONFIG).splits["train"]

    data = load_images(samples, (8, 4), CONFIG)

    with Image.open(samples[5].image) as picture:
        blocks = np.asarray(picture, np.float64).reshape(8, 2, 4, 4, 3).mean(axis=(1, 3))
    assert data.images.shape == (12, 8, 4, 3)
    assert data.masks.shape == (12, 8, 4, 1)
    np.testing.assert_array_equal(data.images[5], np.rint(blocks))
    assert data.names == tuple(sample.name for sample in samples)
    assert data.groups == ("trainA",) * 6 + ("trainB",) * 6


def test_files_of_the_right_size_are_not_changed(tiny_dataset: Path) -> None:
    samples = index_dataset(tiny_dataset, CONFIG).splits["val"]

    data = load_images(samples, (16, 16), CONFIG)

    with Image.open(samples[0].image) as picture, Image.open(samples[0].mask) as mask:
        np.testing.assert_array_equal(data.images[0], np.asarray(picture))
        np.testing.assert_array_equal(data.masks[0, ..., 0], np.asarray(mask) == 255)


def test_a_mask_pixel_is_class_from_half_of_its_area_on(tmp_path: Path) -> None:
    mask = np.array([[255, 0, 0, 0], [0, 255, 0, 255]], np.uint8)

    data = load_images([sample(tmp_path, np.zeros((2, 4, 3), np.uint8), mask)], (1, 2), CONFIG)

    assert data.masks.ravel().tolist() == [1, 0]


def test_ignored_area_weighs_nothing_until_it_is_most_of_a_pixel(tmp_path: Path) -> None:
    mask = np.array([[1, 255, 255, 255], [255, 0, 255, 1], [1, 0, 0, 255], [0, 0, 0, 255]], np.uint8)
    config = DatasetConfig(ignore_index=255)

    data = load_images([sample(tmp_path, np.zeros((4, 4, 3), np.uint8), mask)], (2, 2), config)

    assert data.masks[0, ..., 0].tolist() == [[1, 255], [0, 0]]


def test_progress_counts_to_the_end(tiny_dataset: Path) -> None:
    calls: list[tuple[int, int]] = []

    load_images(
        index_dataset(tiny_dataset, CONFIG).splits["val"],
        (8, 8),
        CONFIG,
        progress=lambda done, total: calls.append((done, total)),
    )

    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_all_bad_files_are_found_before_the_error(tiny_dataset: Path) -> None:
    samples = index_dataset(tiny_dataset, CONFIG).splits["train"]
    for bad in samples[2:7]:
        bad.image.write_bytes(b"")

    with pytest.raises(DataError) as error:
        load_images(samples, (8, 8), CONFIG)

    assert str(error.value).count("is empty (0 bytes)") == 3
    assert str(error.value).endswith("; and 2 more files (nano-u doctor lists all)")


def test_palette_masks_that_disagree_are_refused(tmp_path: Path) -> None:
    samples = []
    for value in (1, 2):
        folder = tmp_path / str(value)
        folder.mkdir()
        one = sample(folder, np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2), np.uint8))
        picture = Image.frombytes("P", (2, 1), bytes([0, value]))
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        picture.save(one.mask)
        samples.append(one)

    with pytest.raises(DataError, match=r"palette masks disagree on the class: index 1 in .*, index 2 in "):
        load_images(samples, (1, 2), CONFIG)


def test_a_folder_becomes_its_splits(tiny_dataset: Path) -> None:
    splits = load_data(str(tiny_dataset), EXPERIMENT)

    assert {split: len(data) for split, data in splits.items()} == {"train": 12, "val": 4, "test": 4}
    assert splits["test"].names[0] == "testA_000"
    assert all(data.size == (8, 8) for data in splits.values())


def test_what_the_index_warns_of_is_logged(tiny_dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("img", "mask"):
        folder = tiny_dataset / "test" / kind
        (folder / "testA_000.png").rename(folder / "trainA_900.png")

    with caplog.at_level(logging.WARNING):
        load_data(str(tiny_dataset), EXPERIMENT)

    assert "groups in more than one split: trainA (train and test)" in caplog.text


def test_a_test_split_without_class_can_still_be_loaded(tiny_dataset: Path) -> None:
    for path in (tiny_dataset / "test" / "mask").iterdir():
        Image.new("L", (16, 16)).save(path)

    assert load_data(str(tiny_dataset), EXPERIMENT)["test"].positive_share() == 0.0


def test_synthetic_terrain_comes_at_the_model_size() -> None:
    splits = load_data("synthetic", ExperimentConfig(model=ModelConfig(input_shape=(8, 16, 3)), seed=1))

    assert set(splits) == {"train", "val", "test"}
    assert all(data.size == (8, 16) for data in splits.values())


@pytest.mark.parametrize("source", ["flat", "synthetic"])
def test_the_split_depends_on_its_own_seed_and_not_on_that_of_training(
    source: str, write_pairs: Callable[..., Path]
) -> None:
    names = [f"drive{drive}_{frame}" for drive in range(8) for frame in range(3)]
    data = str(write_pairs("flat", names)) if source == "flat" else source

    def fingerprints(seed: int, split_seed: int) -> dict[str, str]:
        changes = {"seed": seed, "dataset": DatasetConfig(split_seed=split_seed)}
        return {
            name: part.fingerprint() for name, part in load_data(data, EXPERIMENT.model_copy(update=changes)).items()
        }

    assert fingerprints(1, 0) == fingerprints(2, 0)
    assert fingerprints(1, 0) != fingerprints(1, 1)


def test_a_folder_may_be_called_synthetic_when_given_as_a_path(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(tiny_dataset, tmp_path / "synthetic")
    monkeypatch.chdir(tmp_path)

    assert len(load_data("./synthetic", EXPERIMENT)["train"]) == 12


def test_the_real_images_give_the_known_floor(camvid: Path) -> None:
    """The mean training mask, thresholded, reaches IoU 0.690 on the test split at 48x64, measured independently."""
    splits = load_data(str(camvid), ExperimentConfig())

    floor = splits["train"].masks.mean(axis=0) >= 0.5
    truth = splits["test"].masks == 1
    assert (floor & truth).sum() / (floor | truth).sum() == pytest.approx(0.690, abs=0.0015)
    assert splits["train"].positive_share() == pytest.approx(0.3166, abs=1e-4)
