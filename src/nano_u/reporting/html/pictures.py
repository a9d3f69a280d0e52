"""Arrays as small pictures inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from nano_u.reporting.heatmap_figure import CORRELATIONS, UNDEFINED

LARGEST_PICTURE = 256
"""Pixels of a picture's longer side; larger ones are shrunk, for a page that stays small."""

_LARGEST_EXACT = 128  # a picture this small keeps every pixel; JPEG blurs what is larger
_JPEG_QUALITY = 90


def picture_uri(pixels: npt.NDArray[np.generic]) -> str:
    """`(height, width, 3)`, uint8 or floats in [0, 1], as an address that holds the picture itself."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        array = np.round(255 * np.clip(array.astype(np.float64), 0, 1)).astype(np.uint8)
    image = Image.fromarray(array)
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    kind, content = "png", _encoded(image, format="PNG", optimize=True)
    if max(image.size) > _LARGEST_EXACT:
        jpeg = _encoded(image, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
        kind, content = min((kind, content), ("jpeg", jpeg), key=lambda choice: len(choice[1]))
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def correlation_pixels(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`(channels, channels, 3)` colours of r in [-1, 1]; grey where it is not defined."""
    colours = np.asarray(colormaps[CORRELATIONS]((np.nan_to_num(matrix) + 1) / 2))[..., :3]
    colours[np.isnan(matrix)] = to_rgb(UNDEFINED)
    return colours


def _encoded(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()
