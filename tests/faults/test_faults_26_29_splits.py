from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.cli.main import main
from nano_u.config import DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data import examine, index_dataset, load_data
from nano_u.errors import DataError

CONFIG = DatasetConfig()
EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(16, 16, 3)))


def copy_pair(root: Path, source: str, target: str) -> None:
    for kind in ("img", "mask"):
        split, name = source.split("/")
        other, new_name = target.split("/")
        shutil.copy(root / split / kind / f"{name}.png", root / other / kind / f"{new_name}.png")


def test_26_a_test_image_that_is_a_training_image_is_an_error(
    tiny_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_pair(tiny_dataset, "train/trainA_004", "test/other_1")

    with pytest.raises(DataError, match=r"1 image\(s\) in two splits \(test/other_1 = train/trainA_004\); keep each"):
        load_data(str(tiny_dataset), EXPERIMENT)
    assert main(["doctor", str(tiny_dataset)]) == 1
    assert "train/img/trainA_004.png = test/img/other_1.png" in capsys.readouterr().out


def test_26_copies_are_found_by_their_pixels_whatever_the_file_format(tiny_dataset: Path) -> None:
    copy_pair(tiny_dataset, "train/trainA_004", "val/other_1")
    path = tiny_dataset / "val" / "img" / "other_1.png"
    Image.open(path).save(path.with_suffix(".bmp"))
    path.unlink()

    assert "occur in several splits" in examine(tiny_dataset, CONFIG).errors[0].text


def test_27_whole_recordings_stay_on_one_side_of_a_split(write_flat: Callable[..., Path]) -> None:
    root = write_flat({f"drive{number}": 6 for number in range(8)})

    for seed in range(5):
        splits = index_dataset(root, CONFIG, seed=seed).splits
        groups = [{sample.group for sample in members} for members in splits.values()]
        assert sum(map(len, groups)) == len(set.union(*groups)) == 8


def test_27_one_recording_is_cut_into_blocks_of_time_and_that_is_said(write_flat: Callable[..., Path]) -> None:
    index = index_dataset(write_flat({"drive": 20}), CONFIG)

    numbers = {split: [int(s.name.split("_")[1]) for s in members] for split, members in index.splits.items()}
    assert numbers == {"train": list(range(12)), "val": list(range(12, 16)), "test": list(range(16, 20))}
    assert any("too few groups (drive)" in warning for warning in index.warnings)
    assert any("groups in more than one split: drive" in warning for warning in index.warnings)


def test_27_the_distance_to_training_images_is_reported(make_tiny_dataset: Callable[..., Path], tmp_path: Path) -> None:
    root = make_tiny_dataset(tmp_path / "near", train=60, val=4, test=4)
    for number in range(4):
        with Image.open(root / "train" / "img" / f"trainA_{number:03d}.png") as picture:
            brighter = np.clip(np.asarray(picture).astype(int) + 2, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).save(root / "test" / "img" / f"test{'AB'[number // 2]}_{number:03d}.png")

    rows = {(row.split, row.group): row for row in examine(root, CONFIG).rows}

    assert rows["test", None].nearest_train == pytest.approx(2, abs=0.1)
    assert rows["test", None].near_copies == 1.0
    assert rows["val", None].near_copies <= 0.25


@pytest.mark.parametrize("count", [0, 1, 2])
def test_28_too_few_images_to_split_are_refused(write_flat: Callable[..., Path], count: int) -> None:
    with pytest.raises(DataError, match=r"holds no images|cannot be split into train, val, test; add images, or set"):
        load_data(str(write_flat({"a": count})), EXPERIMENT)


def test_28_one_image_is_a_training_set_when_nothing_else_is_asked_for(write_flat: Callable[..., Path]) -> None:
    config = ExperimentConfig(
        model=ModelConfig(input_shape=(16, 16, 3)), val_fraction=0.0, dataset=DatasetConfig(test_fraction=0.0)
    )

    splits = load_data(str(write_flat({"a": 1})), config)

    assert {split: len(data) for split, data in splits.items()} == {"train": 1}


def test_28_an_empty_split_folder_is_refused(tiny_dataset: Path) -> None:
    for path in [*(tiny_dataset / "val" / "img").iterdir(), *(tiny_dataset / "val" / "mask").iterdir()]:
        path.unlink()

    with pytest.raises(DataError, match=r"val/img: holds no images"):
        load_data(str(tiny_dataset), EXPERIMENT)


def test_29_links_in_circles_and_files_of_the_system_are_passed_over_and_counted(tiny_dataset: Path) -> None:
    folder = tiny_dataset / "train" / "img"
    (folder / "again").symlink_to(tiny_dataset, target_is_directory=True)
    (folder / "loop.png").symlink_to("loop.png")
    for name in (".DS_Store", "._trainA_000.png", "Thumbs.db", "notes.txt"):
        (folder / name).write_bytes(b"\x00")
    (tiny_dataset / "loop").symlink_to(".", target_is_directory=True)

    index = index_dataset(tiny_dataset, CONFIG)

    assert len(index.splits["train"]) == 12
    assert index.ignored == {
        "hidden": 2,
        "system file": 1,
        "folder": 1,
        "broken link": 1,
        "not a picture by its name": 1,
    }
    assert index.warnings == ("1 broken link(s) ignored: train/img/loop.png",)
    assert examine(tiny_dataset, CONFIG).exit_code == 0


@pytest.fixture
def write_flat(tmp_path: Path) -> Callable[..., Path]:
    """Writes `images/ masks/` with so many frames of each group."""

    def write(frames: dict[str, int]) -> Path:
        random = np.random.default_rng(0)
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir()
        for group, count in frames.items():
            for number in range(count):
                name = f"{group}_{number}.png"
                Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "images" / name)
                mask = (np.mgrid[0:8, 0:8][0] > 3).astype(np.uint8)
                Image.fromarray(mask).save(tmp_path / "masks" / name)
        return tmp_path

    return write
