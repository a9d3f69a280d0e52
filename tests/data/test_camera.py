from __future__ import annotations

import re

import numpy as np
import pytest

from nano_u.data.camera import CameraFormat, Crop, parse_crop
from nano_u.data.pixel_names import PIXEL_NAMES, PixelName
from nano_u.errors import ConfigError, DataError

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
BYTES_PER_PIXEL = {"rgb888": 3, "bgr888": 3, "rgb565": 2, "rgb565le": 2, "yuyv": 2, "uyvy": 2, "gray8": 1}


@pytest.mark.parametrize("pixels", PIXEL_NAMES)
def test_a_picture_is_its_rows_one_after_the_other(pixels: PixelName) -> None:
    camera = CameraFormat(6, 4, pixels)
    single = CameraFormat(6, 1, pixels)

    frame = camera.encode(IMAGE)

    assert frame == b"".join(single.encode(row[None]) for row in IMAGE)
    assert (camera.row_bytes, camera.frame_bytes) == (6 * BYTES_PER_PIXEL[pixels], len(frame))
    rows = [frame[start : start + camera.row_bytes] for start in range(0, len(frame), camera.row_bytes)]
    np.testing.assert_array_equal(camera.decode(frame), np.concatenate([single.decode(row) for row in rows]))


def test_the_whole_picture_is_looked_at_unless_it_is_cropped() -> None:
    assert CameraFormat(6, 4).view == Crop(0, 0, 6, 4)
    assert CameraFormat(6, 4, crop=Crop(1, 2, 3, 2)).view == Crop(1, 2, 3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((6, 4, "yuv422"), "unknown camera pixels 'yuv422' (allowed: rgb888, bgr888, rgb565, rgb565le, yuyv, uyvy, "),
        ((0, 4), "camera: sides must be 1 to 65535 pixels, got 0x4"),
        ((6, 70000), "camera: sides must be 1 to 65535 pixels, got 6x70000"),
        ((5, 4, "uyvy"), "camera: uyvy sends pixels in pairs, so its width must be even, not 5"),
        ((6, 4, "gray8", Crop(0, 0, 0, 4)), "camera: Crop(left=0, top=0, width=0, height=4) is no rectangle of pixels"),
        ((6, 4, "gray8", Crop(-1, 0, 2, 4)), "is no rectangle of pixels"),
        ((6, 4, "gray8", Crop(4, 0, 3, 4)), "reaches beyond its 6x4 pixels"),
        ((6, 4, "gray8", Crop(0, 1, 6, 4)), "reaches beyond its 6x4 pixels"),
    ],
)
def test_what_no_camera_is_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        CameraFormat(*arguments)  # type: ignore[arg-type]


def test_pictures_of_another_size_are_refused() -> None:
    camera = CameraFormat(6, 4, "rgb565")

    with pytest.raises(DataError, match=r"a camera of 6x4 pixels cannot show an image \(6, 4, 3\) of uint8"):
        camera.encode(IMAGE.swapaxes(0, 1))
    with pytest.raises(DataError, match="of float64; give uint8"):
        camera.encode(IMAGE / 255)
    with pytest.raises(DataError, match="a rgb565 picture of 6x4 pixels has 48 bytes, got 47"):
        camera.decode(bytes(47))


def test_a_crop_is_four_numbers() -> None:
    assert parse_crop("20, 0,120,110") == Crop(20, 0, 120, 110)
    for text in ("", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "a,2,3,4", "1.5,2,3,4"):
        with pytest.raises(ConfigError, match="is not LEFT,TOP,WIDTH,HEIGHT"):
            parse_crop(text)
