"""What a camera sends: size, pixel format and the part of its picture that the network looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.data.camera_pixels import PIXEL_FORMATS, PixelFormat
from nano_u.data.pixel_names import PIXEL_NAMES, PixelName
from nano_u.errors import ConfigError, DataError

LARGEST_SIDE = 65535


@dataclass(frozen=True)
class Crop:
    """A rectangle of the camera's picture, in its pixels; `left` and `top` count from 0."""

    left: int
    top: int
    width: int
    height: int


def parse_crop(text: str) -> Crop:
    """`LEFT,TOP,WIDTH,HEIGHT` in the camera's pixels; raises ConfigError for any other text."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"crop: {text!r} is not LEFT,TOP,WIDTH,HEIGHT in the camera's pixels, such as 20,0,120,120")
    left, top, width, height = map(int, parts)
    return Crop(left, top, width, height)


@dataclass(frozen=True)
class CameraFormat:
    """A camera of `width` x `height` pixels, row by row from the top, without gaps between rows.

    The network sees `crop`, or the whole picture as training does, stretched to its input. Raises ConfigError for an
    unknown pixel format and for sizes that cannot be.
    """

    width: int
    height: int
    pixels: PixelName = "rgb888"
    crop: Crop | None = None

    def __post_init__(self) -> None:
        if self.pixels not in PIXEL_FORMATS:
            raise ConfigError(f"unknown camera pixels {self.pixels!r} (allowed: {', '.join(PIXEL_NAMES)})")
        if not (1 <= self.width <= LARGEST_SIDE and 1 <= self.height <= LARGEST_SIDE):
            raise ConfigError(f"camera: sides must be 1 to {LARGEST_SIDE} pixels, got {self.width}x{self.height}")
        if self.format.is_paired and self.width % 2:
            raise ConfigError(
                f"camera: {self.pixels} sends pixels in pairs, so its width must be even, not {self.width}"
            )
        crop = self.crop
        if crop is None:
            return
        if min(crop.left, crop.top) < 0 or min(crop.width, crop.height) < 1:
            raise ConfigError(f"camera: {crop} is no rectangle of pixels")
        if crop.left + crop.width > self.width or crop.top + crop.height > self.height:
            raise ConfigError(f"camera: {crop} reaches beyond its {self.width}x{self.height} pixels")

    @property
    def format(self) -> PixelFormat:
        """How a pixel is sent."""
        return PIXEL_FORMATS[self.pixels]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.width * self.format.bytes_per_pixel

    @property
    def frame_bytes(self) -> int:
        """Bytes of one picture."""
        return self.height * self.row_bytes

    @property
    def view(self) -> Crop:
        """What the network looks at."""
        return self.crop or Crop(0, 0, self.width, self.height)

    def encode(self, image: npt.NDArray[np.uint8]) -> bytes:
        """The bytes that this camera would send of a uint8 RGB image `(height, width, 3)`."""
        if image.dtype != np.uint8 or image.shape != (self.height, self.width, 3):
            raise DataError(
                f"a camera of {self.width}x{self.height} pixels cannot show an image {image.shape} of {image.dtype}; "
                f"give uint8 ({self.height}, {self.width}, 3)"
            )
        return self.format.encode(image).tobytes()

    def decode(self, frame: bytes) -> npt.NDArray[np.uint8]:
        """The whole picture as uint8 RGB `(height, width, 3)`, from the bytes that the camera sent."""
        if len(frame) != self.frame_bytes:
            raise DataError(
                f"a {self.pixels} picture of {self.width}x{self.height} pixels has {self.frame_bytes} bytes, "
                f"got {len(frame)}"
            )
        return self.format.decode(np.frombuffer(frame, np.uint8).reshape(self.height, self.row_bytes))
