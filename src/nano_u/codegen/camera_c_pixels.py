"""C99 functions that decode one pixel of a camera row, in the integers of `nano_u.data.camera_pixels`."""

from __future__ import annotations

from nano_u.data.camera_pixels import BLUE_OF_CB, GREEN_OF_CB, GREEN_OF_CR, RED_OF_CR
from nano_u.data.pixel_names import PixelName


def pixel_function(pixels: PixelName) -> str:
    """The text of `camera_pixel(row, column, colours)`; a gray pixel sets one colour, all others three."""
    return f"{_before(pixels)}{_SIGNATURE}\n{{\n{_BODIES[pixels]}}}\n"


def _before(pixels: PixelName) -> str:
    return _COLOUR_OF_YUV if pixels in ("yuyv", "uyvy") else ""


_SIGNATURE = """\
/* The colours of one pixel of a camera row. */
static inline void camera_pixel(const uint8_t *row, uint32_t column, uint32_t colours[COLOURS])"""

_COLOUR_OF_YUV = """\
/* A colour from 65536ths, rounded and clipped to a byte. */
static inline uint32_t clipped(int32_t colour)
{
    const int32_t raised = colour + 32768;
    uint32_t byte;

    if (raised < 0) {
        return 0U;
    }
    byte = (uint32_t)raised >> 16;
    return (byte > 255U) ? 255U : byte;
}

"""


def _three_bytes(red: int, green: int, blue: int) -> str:
    return f"""\
    const uint8_t *pixel = row + 3U * column;

    colours[0] = pixel[{red}];
    colours[1] = pixel[{green}];
    colours[2] = pixel[{blue}];
"""


def _two_bytes(high: int, low: int) -> str:
    return f"""\
    const uint8_t *pixel = row + 2U * column;
    const uint32_t high = pixel[{high}];
    const uint32_t low = pixel[{low}];
    const uint32_t red = high >> 3;
    const uint32_t green = ((high & 7U) << 3) | (low >> 5);
    const uint32_t blue = low & 31U;

    /* The upper bits are repeated below, so that the brightest value is 255. */
    colours[0] = (red << 3) | (red >> 2);
    colours[1] = (green << 2) | (green >> 4);
    colours[2] = (blue << 3) | (blue >> 2);
"""


def _four_bytes_of_a_pair(luma: int, cb: int, cr: int) -> str:
    return f"""\
    const uint8_t *pair = row + 4U * (column / 2U);
    const int32_t luma = (int32_t)pair[{luma}U + 2U * (column % 2U)] * 65536;
    const int32_t cb = (int32_t)pair[{cb}] - 128;
    const int32_t cr = (int32_t)pair[{cr}] - 128;

    /* BT.601 at full range, factors in 65536ths. */
    colours[0] = clipped(luma + {RED_OF_CR} * cr);
    colours[1] = clipped(luma - {GREEN_OF_CB} * cb - {GREEN_OF_CR} * cr);
    colours[2] = clipped(luma + {BLUE_OF_CB} * cb);
"""


_BODIES: dict[PixelName, str] = {
    "rgb888": _three_bytes(0, 1, 2),
    "bgr888": _three_bytes(2, 1, 0),
    "rgb565": _two_bytes(0, 1),
    "rgb565le": _two_bytes(1, 0),
    "yuyv": _four_bytes_of_a_pair(luma=0, cb=1, cr=3),
    "uyvy": _four_bytes_of_a_pair(luma=1, cb=0, cr=2),
    "gray8": "    colours[0] = row[column];\n",
}
