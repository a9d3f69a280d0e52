"""From a camera's bytes to the int8 values that the network reads: the twin of the generated C, equal byte for byte."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from nano_u.data.camera import CameraFormat
from nano_u.data.camera_area import IntegerArea
from nano_u.data.floats import as_floats
from nano_u.errors import DataError, DeployError


class Quantization(Protocol):
    """Scale and zero point of the network's input: real = scale * (q - zero_point)."""

    @property
    def scale(self) -> float:
        """Real size of one step."""

    @property
    def zero_point(self) -> int:
        """The int8 value of real 0."""


def byte_table(scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """The int8 value of each byte k, which stands for k / 255; with scale 1/255 and zero point -128 it is k - 128.

    The arithmetic of the QUANTIZE kernel: divided in float32, rounded half away from zero, saturated.
    """
    with np.errstate(over="ignore", under="ignore"):
        step = np.float32(scale)
    if not (np.isfinite(step) and step > 0) or not -128 <= zero_point <= 127:
        raise DeployError(
            f"network input: the scale must be a positive float32 and the zero point -128 to 127, got {scale} and "
            f"{zero_point}"
        )
    with np.errstate(over="ignore"):
        steps = np.floor(as_floats(np.arange(256, dtype=np.uint8)) / step + np.float32(0.5))
    table: npt.NDArray[np.int8] = np.clip(steps + zero_point, -128, 127).astype(np.int8)
    return table


def device_pixels(image: npt.NDArray[np.uint8], camera: CameraFormat, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """An image as the network sees it through `camera`, uint8 RGB `(*size, 3)`: encoded, decoded, cropped, averaged."""
    return received_pixels(camera.encode(image), camera, size)


def received_pixels(frame: bytes, camera: CameraFormat, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A camera's bytes as uint8 RGB `(*size, 3)`; raises ConfigError where `size` is larger than what it looks at."""
    view = camera.view
    area = IntegerArea((view.height, view.width), size)
    picture = camera.decode(frame)
    return area.average(picture[view.top : view.top + view.height, view.left : view.left + view.width])


def received_input(
    frame: bytes, camera: CameraFormat, input_shape: tuple[int, int, int], quantization: Quantization
) -> npt.NDArray[np.int8]:
    """int8 network input `(height, width, channels)` of the bytes that `camera` sent.

    Networks of one channel need a gray camera.
    """
    height, width, channels = input_shape
    require_channels(camera, channels)
    pixels = received_pixels(frame, camera, (height, width))[..., :channels]
    values: npt.NDArray[np.int8] = byte_table(quantization.scale, quantization.zero_point)[pixels]
    return values


def require_channels(camera: CameraFormat, channels: int) -> None:
    """Raise DataError unless a network of so many channels can look through `camera`."""
    if channels == 3 or (channels == 1 and camera.format.is_gray):
        return
    expected = "3 channels, or 1 behind a gray8 camera"
    raise DataError(f"a network that looks through a {camera.pixels} camera has {expected}, this one has {channels}")
