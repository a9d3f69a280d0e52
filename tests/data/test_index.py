from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nano_u.config import DatasetConfig
from nano_u.data.index import index_dataset
from nano_u.errors import DataError

WritePairs = Callable[..., Path]
CONFIG = DatasetConfig()


def test_split_folders_become_splits_with_groups(tiny_dataset: Path) -> None:
    index = index_dataset(tiny_dataset, CONFIG)

    assert {split: len(members) for split, members in index.splits.items()} == {"train": 12, "val": 4, "test": 4}
    first = index.splits["train"][0]
    assert (first.name, first.group) == ("trainA_000", "trainA")
    assert first.mask == tiny_dataset / "train" / "mask" / "trainA_000.png"
    assert index.warnings == ()


def test_a_flat_dataset_is_split_by_groups(write_pairs: WritePairs) -> None:
    names = [f"{group}_{number}" for group in "abcde" for number in range(4)]
    root = write_pairs("flat", names, images="images", masks="masks")

    index = index_dataset(root, CONFIG, val_fraction=0.2, seed=1)

    assert {split: len(members) for split, members in index.splits.items()} == {"train": 12, "val": 4, "test": 4}
    assert all(len({sample.group for sample in index.splits[split]}) == 1 for split in ("val", "test"))


def test_val_is_taken_out_of_train_where_its_folder_is_missing(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", [f"{group}_{number}" for group in "abcde" for number in range(4)]).parent
    write_pairs("d/test", ["z_1", "z_2"])

    index = index_dataset(root, CONFIG, val_fraction=0.25)

    assert {split: len(members) for split, members in index.splits.items()} == {"train": 16, "val": 4, "test": 2}


def test_no_val_is_taken_where_none_is_wanted(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", ["a_1", "b_1"]).parent

    assert list(index_dataset(root, CONFIG, val_fraction=0.0).splits) == ["train"]


def test_a_test_folder_alone_is_a_dataset(write_pairs: WritePairs) -> None:
    root = write_pairs("d/test", ["a_1", "b_1"]).parent

    assert list(index_dataset(root, CONFIG).splits) == ["test"]


def test_groups_in_two_splits_are_told_or_refused(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", ["drive_1", "b_1"]).parent
    write_pairs("d/val", ["drive_2"])

    index = index_dataset(root, CONFIG)

    assert index.warnings == (
        "groups in more than one split: drive (train and val); neighbouring frames are near copies",
    )
    with pytest.raises(DataError, match=r"drive \(train and val\); move each to one split"):
        index_dataset(root, DatasetConfig(allow_group_overlap=False))


def test_files_left_out_are_counted(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", ["a_1", "a_2", "b_1"]).parent
    (root / "train" / "mask" / "a_2.png").unlink()
    (root / "train" / "img" / ".hidden").touch()

    index = index_dataset(root, DatasetConfig(allow_unpaired=True), val_fraction=0.0)

    assert [sample.name for sample in index.splits["train"]] == ["a_1", "b_1"]
    assert index.unpaired == 1
    assert index.ignored == {"hidden": 1}
    assert index.warnings == ("1 file(s) without partner left out",)


def test_no_pair_at_all_is_an_error_even_where_files_may_be_left_out(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", ["a_1"]).parent
    (root / "train" / "mask" / "a_1.png").rename(root / "train" / "mask" / "b_1.png")

    with pytest.raises(DataError, match=r"train/img: no image has a mask"):
        index_dataset(root, DatasetConfig(allow_unpaired=True))


def test_an_empty_folder_says_what_it_holds_instead(write_pairs: WritePairs) -> None:
    root = write_pairs("d/train", []).parent
    (root / "train" / "img" / "sequence").mkdir()
    (root / "train" / "img" / "a.txt").touch()

    with pytest.raises(DataError, match=r"img: holds no images \(passed over: 1 not a picture by its name, 1 folder\)"):
        index_dataset(root, CONFIG)


def test_the_real_images_keep_their_drives(camvid: Path) -> None:
    index = index_dataset(camvid, CONFIG)

    assert {split: len(members) for split, members in index.splits.items()} == {"train": 367, "val": 101, "test": 233}
    assert {sample.group for sample in index.splits["test"]} == {"0001TP", "Seq05VD"}
    assert "0001TP (train and test), 0016E5 (train and val)" in index.warnings[0]
