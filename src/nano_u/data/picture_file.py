"""A picture file opened with care: format from its content, size from its header, then and only then the pixels."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from nano_u.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
"""Formats tried, whatever the file is called; others (EPS starts Ghostscript) are never opened."""

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged files, found by mutating files of every format."""

ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class PictureFile:
    """The decoded pixels of a file as stored, its format and its EXIF orientation (1 = upright)."""

    path: Path
    pixels: Image.Image
    format: str
    orientation: int


def open_picture(path: Path, max_pixels: int) -> PictureFile:
    """Decode a picture; raises DataError, naming the file, for anything that is not one whole picture.

    The header is judged first, so a small file that unpacks to gigabytes costs nothing.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: is empty (0 bytes); restore or delete it")
        return _decode(path, max_pixels)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path}: has more than {max_pixels} pixels (dataset.max_pixels); not decoded") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is {_kind_of_content(path)}; restore or delete it") from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except DAMAGE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path}: damaged: {reason}; restore or delete it") from error


def _decode(path: Path, max_pixels: int) -> PictureFile:
    with Image.open(path, formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise DataError(
                f"{path}: {width}x{height} are {width * height} pixels, more than dataset.max_pixels {max_pixels}; "
                "not decoded"
            )
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)  # MPO: a photo and its preview
        if frames > 1:
            raise DataError(f"{path}: holds {frames} frames; save the one that is meant as a file of its own")
        picture.load()
        orientation = picture.getexif().get(ORIENTATION_TAG, 1)  # after loading: TIFF is turned upright by then
        valid = orientation if orientation in range(1, 9) else 1
        return PictureFile(path, picture, picture.format or "", valid)


def _kind_of_content(path: Path) -> str:
    """What a file that is no picture seems to hold, from its first bytes."""
    with path.open("rb") as file:
        start = file.read(256)
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the picture (run: git lfs pull)"
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in start):
        return "text, not a picture"
    return "not a picture in a known format"
