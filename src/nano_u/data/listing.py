"""The picture files of one folder, and what was passed over there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nano_u.data.names import natural_key, require_utf8
from nano_u.errors import DataError

PICTURE_SUFFIXES = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
        ".jp2",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    }
)
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})


@dataclass(frozen=True)
class Ignored:
    """An entry that is not a picture file, and why it was passed over."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Listing:
    """The picture files of one folder in natural order of their names, and the entries passed over."""

    files: tuple[Path, ...]
    ignored: tuple[Ignored, ...]


def list_pictures(folder: Path) -> Listing:
    """List one folder without its subfolders.

    By `os.scandir`, never by a glob: a folder may be called `run[1]`. Links to files are followed.
    """
    files: list[Path] = []
    ignored: list[Ignored] = []
    for entry in scan(folder):
        path = Path(entry.path)
        reason = _why_ignored(entry)
        if reason is None:
            files.append(path)
        else:
            ignored.append(Ignored(path, reason))
    return Listing(
        tuple(sorted(files, key=lambda path: natural_key(path.name))),
        tuple(sorted(ignored, key=lambda entry: natural_key(entry.path.name))),
    )


def subfolders(folder: Path) -> tuple[Path, ...]:
    """The folders inside a folder, hidden ones left out, in natural order of their names."""
    found = [Path(entry.path) for entry in scan(folder) if not entry.name.startswith(".") and _is_folder(entry)]
    return tuple(sorted(found, key=lambda path: natural_key(path.name)))


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder in no particular order; raises DataError where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
    for entry in found:
        require_utf8(Path(entry.path))
    return found


def _why_ignored(entry: os.DirEntry[str]) -> str | None:
    if entry.name.startswith("."):
        return "hidden"
    if entry.name.casefold() in SYSTEM_FILES:
        return "system file"
    if _is_folder(entry):
        return "folder"
    if not _is_file(entry):
        return "broken link"
    if Path(entry.name).suffix.casefold() not in PICTURE_SUFFIXES:
        return "not a picture by its name"
    return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False
