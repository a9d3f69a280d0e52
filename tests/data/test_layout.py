from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.data.layout import find_layout
from nano_u.errors import DataError


def make(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    return root


@pytest.mark.parametrize(("images", "masks"), [("img", "mask"), ("images", "masks"), ("Image", "MASK")])
def test_split_folders_are_found(tmp_path: Path, images: str, masks: str) -> None:
    root = make(tmp_path, *(f"{split}/{kind}" for split in ("train", "val", "test") for kind in (images, masks)))

    layout = find_layout(root)

    assert list(layout.folders) == ["train", "val", "test"]
    assert layout.folders["val"].images == root / "val" / images
    assert layout.folders["val"].masks == root / "val" / masks
    assert not layout.is_flat


@pytest.mark.parametrize(("images", "masks"), [("images", "masks"), ("img", "mask")])
def test_flat_folders_are_found(tmp_path: Path, images: str, masks: str) -> None:
    layout = find_layout(make(tmp_path, images, masks))

    assert layout.is_flat
    assert layout.folders["all"].images == tmp_path / images


def test_validation_is_another_name_for_val(tmp_path: Path) -> None:
    layout = find_layout(make(tmp_path, "train/img", "train/mask", "validation/img", "validation/mask"))

    assert list(layout.folders) == ["train", "val"]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("pictures", "labels"), r"expected train/img and train/mask .* found labels/, pictures/"),
        ((), r"found no folders"),
        (("train/img",), r"train: no folder of masks \(one of mask, masks\)"),
        (("train/mask",), r"train: no folder of images"),
        (("images",), r"no folder of masks"),
        (("train/img", "train/images", "train/mask"), r"train: holds images and img; keep one"),
        (("train/img", "train/mask", "images", "masks"), r"both images/ and train"),
        (("val/img", "val/mask", "valid/img", "valid/mask"), r"holds val and valid; keep one"),
    ],
)
def test_other_layouts_are_refused_with_what_was_found(tmp_path: Path, folders: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_layout(make(tmp_path, *folders))


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.zip").touch()

    with pytest.raises(DataError, match=r"gone: no such folder"):
        find_layout(tmp_path / "gone")
    with pytest.raises(DataError, match=r"data\.zip: not a folder; unpack it"):
        find_layout(tmp_path / "data.zip")
