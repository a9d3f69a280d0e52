"""Pixels as camera sensors send them: rows of bytes to RGB and back, in the integers in which the device computes.

YUV is BT.601 at full range, 0 to 255 for luma and chroma alike, as JPEG has it and as common drivers set up their
sensors (an OV7670 by COM15 = 0xC0). A sensor left at 16 to 235 gives a picture of less contrast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.data.pixel_names import PixelName

Bytes = npt.NDArray[np.uint8]

RED_OF_CR, GREEN_OF_CB, GREEN_OF_CR, BLUE_OF_CB = 91881, 22554, 46802, 116130
"""1.402, 0.34414, 0.71414 and 1.772 in steps of 2**-16: what one step of chroma adds to a colour or takes from it."""

LUMA = np.array([19595, 38470, 7471], np.int64)
CB = np.array([-11059, -21709, 32768], np.int64)
CR = np.array([32768, -27439, -5329], np.int64)
HALF = 1 << 15


@dataclass(frozen=True)
class PixelFormat:
    """How a pixel is sent. `decode` takes rows `(height, bytes)` to RGB `(height, width, 3)`, `encode` the other way.

    Pixels of a paired format share their chroma with a neighbour, so that rows have an even number of them.
    """

    name: PixelName
    meaning: str
    bytes_per_pixel: int
    decode: Callable[[Bytes], Bytes]
    encode: Callable[[Bytes], Bytes]
    is_paired: bool = False
    is_gray: bool = False


def _rgb888(rows: Bytes) -> Bytes:
    return rows.reshape(len(rows), -1, 3)


def _to_rgb888(rgb: Bytes) -> Bytes:
    return rgb.reshape(len(rgb), -1)


def _bgr888(rows: Bytes) -> Bytes:
    return _rgb888(rows)[..., ::-1]


def _to_bgr888(rgb: Bytes) -> Bytes:
    return _to_rgb888(np.ascontiguousarray(rgb[..., ::-1]))


def _rgb565(rows: Bytes) -> Bytes:
    """The upper bits are repeated below, so that 31 of 31 is 255."""
    high, low = rows[:, 0::2], rows[:, 1::2]
    red, green, blue = high >> 3, (high & 7) << 3 | low >> 5, low & 31
    return np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], axis=-1)


def _to_rgb565(rgb: Bytes) -> Bytes:
    """The lower bits are dropped, as sensors do."""
    red, green, blue = rgb[..., 0] >> 3, rgb[..., 1] >> 2, rgb[..., 2] >> 3
    return _interleaved([red << 3 | green >> 3, (green & 7) << 5 | blue])


def _swapped_pairs(rows: Bytes) -> Bytes:
    return rows.reshape(len(rows), -1, 2)[..., ::-1].reshape(len(rows), -1)


def _rgb565le(rows: Bytes) -> Bytes:
    return _rgb565(_swapped_pairs(rows))


def _to_rgb565le(rgb: Bytes) -> Bytes:
    return _swapped_pairs(_to_rgb565(rgb))


def _yuyv(rows: Bytes) -> Bytes:
    luma = rows[:, 0::2].astype(np.int64) << 16
    cb, cr = (rows[:, first::4].repeat(2, axis=1).astype(np.int64) - 128 for first in (1, 3))
    channels = [luma + RED_OF_CR * cr, luma - GREEN_OF_CB * cb - GREEN_OF_CR * cr, luma + BLUE_OF_CB * cb]
    return np.stack([_byte(channel + HALF >> 16) for channel in channels], axis=-1)


def _to_yuyv(rgb: Bytes) -> Bytes:
    """The chroma of a pair is that of its mean colour."""
    pixels = rgb.astype(np.int64)
    pairs = pixels[:, 0::2] + pixels[:, 1::2]
    luma = _to_gray8(rgb)
    cb, cr = (_byte((pairs @ weights + 2 * HALF >> 17) + 128) for weights in (CB, CR))
    return _interleaved([luma[:, 0::2], cb, luma[:, 1::2], cr])


def _uyvy(rows: Bytes) -> Bytes:
    return _yuyv(_swapped_pairs(rows))


def _to_uyvy(rgb: Bytes) -> Bytes:
    return _swapped_pairs(_to_yuyv(rgb))


def _gray8(rows: Bytes) -> Bytes:
    return rows[..., None].repeat(3, axis=-1)


def _to_gray8(rgb: Bytes) -> Bytes:
    return _byte(rgb.astype(np.int64) @ LUMA + HALF >> 16)


def _byte(values: npt.NDArray[np.int64]) -> Bytes:
    return np.clip(values, 0, 255).astype(np.uint8)


def _interleaved(parts: Sequence[npt.NDArray[np.integer]]) -> Bytes:
    """One byte of each part in turn, along the rows."""
    return np.stack(parts, axis=-1).astype(np.uint8).reshape(len(parts[0]), -1)


PIXEL_FORMATS: Mapping[PixelName, PixelFormat] = {
    record.name: record
    for record in (
        PixelFormat("rgb888", "red, green, blue", 3, _rgb888, _to_rgb888),
        PixelFormat("bgr888", "blue, green, red", 3, _bgr888, _to_bgr888),
        PixelFormat("rgb565", "5, 6 and 5 bits, high byte first", 2, _rgb565, _to_rgb565),
        PixelFormat("rgb565le", "5, 6 and 5 bits, low byte first", 2, _rgb565le, _to_rgb565le),
        PixelFormat("yuyv", "YUV 4:2:2 as Y, U, Y, V", 2, _yuyv, _to_yuyv, is_paired=True),
        PixelFormat("uyvy", "YUV 4:2:2 as U, Y, V, Y", 2, _uyvy, _to_uyvy, is_paired=True),
        PixelFormat("gray8", "luma alone", 1, _gray8, _to_gray8, is_gray=True),
    )
}
