from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nano_u.data.decode import read_image, read_mask
from nano_u.data.picture_file import open_picture
from nano_u.errors import DataError

LIMIT = 10_000


def noise(height: int = 24, width: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
def test_the_content_decides_the_format_not_the_name(tmp_path: Path, format: str) -> None:
    path = tmp_path / "picture.gif"
    path.write_bytes(encoded(noise(), format))

    picture = open_picture(path, LIMIT)

    assert picture.format == format
    assert picture.pixels.size == (32, 24)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"<!DOCTYPE html><html><body>404</body></html>", r"is a web page, not a picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"is a Git LFS pointer, not the picture"),
        (b"see the other folder\n", r"is text, not a picture"),
        (b"\x00\x01\x02\x03" * 20, r"is not a picture in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", r"is text, not a picture"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"a\.jpg: " + message):
        open_picture(path, LIMIT)


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: cannot be read: No such file"):
        open_picture(tmp_path / "gone.png", LIMIT)


def test_a_picture_of_the_largest_size_is_decoded_and_one_pixel_more_refused(tmp_path: Path) -> None:
    noise(10, 10).save(tmp_path / "a.png")

    assert open_picture(tmp_path / "a.png", 100).pixels.size == (10, 10)
    with pytest.raises(DataError, match=r"a\.png: 10x10 are 100 pixels, more than dataset\.max_pixels 99"):
        open_picture(tmp_path / "a.png", 99)


@pytest.mark.parametrize("format", ["GIF", "TIFF", "PNG"])
def test_several_frames_are_refused(tmp_path: Path, format: str) -> None:
    path = tmp_path / "a.png"
    frames = [noise(), noise().rotate(180)]
    path.write_bytes(encoded(frames[0], format, save_all=True, append_images=frames[1:]))

    with pytest.raises(DataError, match=r"a\.png: holds 2 frames"):
        open_picture(path, LIMIT)


def test_the_preview_inside_a_phone_photo_is_no_second_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(), "MPO", save_all=True, append_images=[noise(12, 16)]))

    assert open_picture(path, LIMIT).pixels.size == (32, 24)


ORIGINALS = [
    encoded(noise(), "JPEG"),
    encoded(noise(), "PNG"),
    encoded(noise().convert("P"), "PNG"),
    encoded(noise(), "BMP"),
    encoded(noise(), "WEBP"),
]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd EXIF and the like in mutated files
@given(
    st.sampled_from(ORIGINALS),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    st.floats(0.0, 1.0),
)
def test_a_mutated_file_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, original: bytes, changes: list[tuple[int, int]], kept: float
) -> None:
    content = bytearray(original)
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "mutated.bin"
    path.write_bytes(content[: max(1, int(kept * len(content)))])

    for read in (read_image, read_mask):
        refusal = ""
        try:
            read(path, LIMIT)
        except DataError as error:
            refusal = str(error)
        assert refusal == "" or refusal.startswith(f"{path}: ")
        assert "\n" not in refusal
