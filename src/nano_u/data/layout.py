"""Where a dataset keeps its images and masks: `{train,val,test}/{img,mask}` or flat `images/ masks/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nano_u.data.listing import subfolders
from nano_u.data.names import require_utf8
from nano_u.errors import DataError

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
IMAGE_FOLDERS = ("img", "image", "images")
MASK_FOLDERS = ("mask", "masks")


@dataclass(frozen=True)
class ImageMaskFolders:
    """The folder of images and the folder of their masks."""

    images: Path
    masks: Path


@dataclass(frozen=True)
class Layout:
    """The folders of each split that is there; flat datasets have one entry, called `all`."""

    root: Path
    folders: Mapping[str, ImageMaskFolders]

    @property
    def is_flat(self) -> bool:
        """Whether splits are still to be made."""
        return "all" in self.folders


def find_layout(root: Path) -> Layout:
    """Recognise the layout of the dataset in `root`; raises DataError with what was expected and found."""
    require_utf8(root)
    if not root.exists():
        raise DataError(f"{root}: no such folder")
    if not root.is_dir():
        raise DataError(f"{root}: not a folder; unpack it and give the folder that holds the images and masks")
    splits: dict[str, ImageMaskFolders] = {}
    for split, names in SPLIT_FOLDERS.items():
        folder = _one_of(root, names)
        if folder is not None:
            splits[split] = _image_mask_folders(folder)
    flat = _one_of(root, IMAGE_FOLDERS)
    if splits and flat is not None:
        raise DataError(f"{root}: holds both {flat.name}/ and {', '.join(splits)} folders; keep one of the two layouts")
    if splits:
        return Layout(root, splits)
    if flat is not None:
        return Layout(root, {"all": _image_mask_folders(root)})
    found = ", ".join(f"{path.name}/" for path in subfolders(root)[:8]) or "no folders"
    raise DataError(f"{root}: expected train/img and train/mask (also val, test), or images/ and masks/; found {found}")


def _image_mask_folders(folder: Path) -> ImageMaskFolders:
    images, masks = _one_of(folder, IMAGE_FOLDERS), _one_of(folder, MASK_FOLDERS)
    if images is None:
        raise DataError(f"{folder}: no folder of images (one of {', '.join(IMAGE_FOLDERS)})")
    if masks is None:
        raise DataError(f"{folder}: no folder of masks (one of {', '.join(MASK_FOLDERS)})")
    return ImageMaskFolders(images, masks)


def _one_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The subfolder that bears one of the names, in any case; two of them are an error."""
    found = [path for path in subfolders(folder) if path.name.casefold() in names]
    if len(found) > 1:
        raise DataError(f"{folder}: holds {' and '.join(path.name for path in found)}; keep one of them")
    return found[0] if found else None
