"""Names of the pixel formats that cameras send, as commands offer them: without NumPy, for a quick `--help`."""

from __future__ import annotations

from typing import Literal, get_args

PixelName = Literal["rgb888", "bgr888", "rgb565", "rgb565le", "yuyv", "uyvy", "gray8"]
PIXEL_NAMES: tuple[PixelName, ...] = get_args(PixelName)
