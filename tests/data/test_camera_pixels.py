from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nano_u.data.camera_pixels import PIXEL_FORMATS
from nano_u.data.pixel_names import PIXEL_NAMES, PixelName

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


def decoded(pixels: PixelName, *values: int) -> list[list[int]]:
    """Pixels of one row of bytes."""
    return PIXEL_FORMATS[pixels].decode(np.array([values], np.uint8))[0].tolist()


def encoded(pixels: PixelName, *colours: tuple[int, int, int]) -> list[int]:
    """Bytes of one row of pixels."""
    return PIXEL_FORMATS[pixels].encode(np.array([colours], np.uint8))[0].tolist()


@pytest.mark.parametrize(
    ("pixels", "colours", "sent"),
    [
        ("rgb888", [(1, 2, 3), (4, 5, 6)], [1, 2, 3, 4, 5, 6]),
        ("bgr888", [(1, 2, 3), (4, 5, 6)], [3, 2, 1, 6, 5, 4]),
        ("rgb565", [(255, 0, 0), (0, 255, 0), (0, 0, 255)], [0xF8, 0x00, 0x07, 0xE0, 0x00, 0x1F]),
        ("rgb565le", [(255, 0, 0), (0, 255, 0), (0, 0, 255)], [0x00, 0xF8, 0xE0, 0x07, 0x1F, 0x00]),
        ("yuyv", [(255, 255, 255), (0, 0, 0)], [255, 128, 0, 128]),
        ("uyvy", [(255, 255, 255), (0, 0, 0)], [128, 255, 128, 0]),
        ("yuyv", [(255, 0, 0), (255, 0, 0)], [76, 85, 76, 255]),
        ("uyvy", [(0, 0, 255), (0, 0, 255)], [255, 29, 107, 29]),
        ("gray8", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)], [76, 150, 29, 9]),
    ],
)
def test_colours_are_sent_as_the_formats_define_them(
    pixels: PixelName, colours: list[tuple[int, int, int]], sent: list[int]
) -> None:
    assert encoded(pixels, *colours) == sent


@pytest.mark.parametrize(
    ("pixels", "sent", "colours"),
    [
        ("rgb565", [0x84, 0x10], [[132, 130, 132]]),
        ("rgb565le", [0x10, 0x84], [[132, 130, 132]]),
        ("rgb565", [0xFF, 0xFF], [[255, 255, 255]]),
        ("yuyv", [76, 85, 76, 255], [[254, 0, 0], [254, 0, 0]]),
        ("uyvy", [255, 29, 107, 29], [[0, 0, 254], [0, 0, 254]]),
        ("yuyv", [10, 128, 250, 128], [[10, 10, 10], [250, 250, 250]]),
        ("yuyv", [0, 255, 255, 255], [[178, 0, 225], [255, 121, 255]]),
        ("gray8", [0, 7, 255], [[0, 0, 0], [7, 7, 7], [255, 255, 255]]),
    ],
)
def test_bytes_are_read_as_the_formats_define_them(
    pixels: PixelName, sent: list[int], colours: list[list[int]]
) -> None:
    assert decoded(pixels, *sent) == colours


@pytest.mark.parametrize("pixels", ["rgb888", "bgr888"])
def test_three_bytes_lose_nothing(pixels: PixelName) -> None:
    record = PIXEL_FORMATS[pixels]

    np.testing.assert_array_equal(record.decode(record.encode(RANDOM)), RANDOM)


@pytest.mark.parametrize("pixels", ["rgb565", "rgb565le"])
def test_every_16_bit_pixel_is_sent_back_as_it_came(pixels: PixelName) -> None:
    record = PIXEL_FORMATS[pixels]
    rows = np.arange(2**16, dtype=">u2").view(np.uint8).reshape(256, 512)

    np.testing.assert_array_equal(record.encode(record.decode(rows)), rows)


def test_16_bit_colours_are_at_most_one_step_from_the_nearest() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)

    difference = np.abs(PIXEL_FORMATS["rgb565"].decode(PIXEL_FORMATS["rgb565"].encode(ramp))[0] - ramp[0].astype(int))

    assert difference.max(axis=0).tolist() == [7, 3, 7]


def test_every_yuv_colour_is_within_one_of_the_real_formula() -> None:
    steps = [*range(0, 256, 15), 127, 128]
    sent = np.array([(y, u, y, v) for y, u, v in product(steps, repeat=3)], np.uint8)
    y, u, v = (sent[:, place].astype(float) for place in (0, 1, 3))
    exact = [y + 1.402 * (v - 128), y - 0.344136 * (u - 128) - 0.714136 * (v - 128), y + 1.772 * (u - 128)]

    colours = PIXEL_FORMATS["yuyv"].decode(sent)

    np.testing.assert_allclose(colours[:, 0], np.clip(np.stack(exact, axis=-1), 0, 255), atol=0.51)
    np.testing.assert_array_equal(colours[:, 0], colours[:, 1])


def test_yuv_gives_colours_back_where_neighbours_share_them() -> None:
    pairs = RANDOM[:, :4].repeat(2, axis=1)
    record = PIXEL_FORMATS["uyvy"]

    assert np.abs(record.decode(record.encode(pairs)).astype(int) - pairs).max() <= 2


def test_chroma_of_a_pair_is_that_of_its_mean_colour() -> None:
    assert encoded("yuyv", (255, 0, 0), (0, 0, 255))[1::2] == [170, 181]
    assert encoded("yuyv", (128, 0, 127), (127, 0, 128))[1::2] == [170, 181]


@pytest.mark.parametrize("pixels", PIXEL_NAMES)
def test_gray_stays_gray_in_every_format(pixels: PixelName) -> None:
    gray = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, axis=2)
    record = PIXEL_FORMATS[pixels]

    back = record.decode(record.encode(gray))

    assert np.abs(back.astype(int) - gray).max() <= (7 if "565" in pixels else 0)
