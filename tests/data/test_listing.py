from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.data.listing import list_pictures, subfolders
from nano_u.errors import DataError


def test_pictures_come_in_natural_order_whatever_the_case_of_their_ending(tmp_path: Path) -> None:
    for name in ("b_10.PNG", "b_9.jpg", "a.Tiff"):
        (tmp_path / name).touch()

    assert [path.name for path in list_pictures(tmp_path).files] == ["a.Tiff", "b_9.jpg", "b_10.PNG"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".DS_Store", "hidden"),
        ("._a.png", "hidden"),
        ("Thumbs.db", "system file"),
        ("notes.txt", "not a picture by its name"),
        ("README", "not a picture by its name"),
    ],
)
def test_other_entries_are_passed_over_with_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).touch()

    listing = list_pictures(tmp_path)

    assert listing.files == ()
    assert [(entry.path.name, entry.reason) for entry in listing.ignored] == [(name, reason)]


def test_folders_and_dead_links_are_passed_over_and_links_to_files_followed(tmp_path: Path) -> None:
    (tmp_path / "deeper.png").mkdir()
    (tmp_path / "real.png").touch()
    (tmp_path / "link.png").symlink_to("real.png")
    (tmp_path / "dead.png").symlink_to("gone.png")
    (tmp_path / "loop.png").symlink_to("loop.png")

    listing = list_pictures(tmp_path)

    assert [path.name for path in listing.files] == ["link.png", "real.png"]
    assert {entry.path.name: entry.reason for entry in listing.ignored} == {
        "deeper.png": "folder",
        "dead.png": "broken link",
        "loop.png": "broken link",
    }


def test_subfolders_leave_files_and_hidden_folders_out(tmp_path: Path) -> None:
    for name in ("train", ".git", "val"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()

    assert [path.name for path in subfolders(tmp_path)] == ["train", "val"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: cannot be listed: No such file or directory"):
        list_pictures(tmp_path / "gone")
