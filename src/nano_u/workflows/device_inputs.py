"""What a C bundle is proven on: real images as the device's camera sends them, and noise over the whole range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nano_u.data import ImageSet
from nano_u.data.camera import CameraFormat, Crop
from nano_u.data.camera_device import byte_table, received_input
from nano_u.data.decode import decode_image
from nano_u.data.pixel_names import PixelName
from nano_u.errors import ConfigError, DataError, DeployError
from nano_u.quantization import QuantizedTensor
from nano_u.workflows.source import ModelSource

NOISE_SEED = 0

MOST_INPUT_BYTES = 2**30
"""What an `inputs.npz` may unpack to: more is refused where it is read."""

NPZ_HEADERS = 4096
"""Room for what the file holds beside its two large arrays."""


@dataclass(frozen=True)
class DeviceInputs:
    """int8 inputs `(n, height, width, channels)`, the `real` ones first.

    `frames`, int8 `(m, camera rows, bytes per row, 1)` with 0 < m <= real, are what `camera` sent of the first m;
    without a camera `no_camera` says why.
    """

    images: npt.NDArray[np.int8]
    real: int
    camera: CameraFormat | None = None
    frames: npt.NDArray[np.int8] | None = None
    no_camera: str | None = None

    def with_noise(self, count: int) -> DeviceInputs:
        """The same with `count` more inputs: both ends of the range, then noise."""
        shape = self.images.shape[1:]
        ends = [np.full((1, *shape), value, np.int8) for value in (-128, 127)][:count]
        noise = np.random.default_rng(NOISE_SEED).integers(-128, 128, (max(0, count - 2), *shape)).astype(np.int8)
        return replace(self, images=np.concatenate([self.images, *ends, noise]))

    def that_fit(self) -> DeviceInputs:
        """The same with as many `frames` as `inputs.npz` may hold; DeployError where not one fits beside the images."""
        room = MOST_INPUT_BYTES - NPZ_HEADERS - self.images.nbytes
        one = 0 if self.frames is None else self.frames[0].nbytes
        if room < one:
            what = f"{len(self.images)} inputs of the network" + (" and a picture of the camera" if one else "")
            raise DeployError(
                f"{what} take more than the {MOST_INPUT_BYTES:,} bytes of an inputs.npz; make them smaller"
            )
        return self if self.frames is None else replace(self, frames=self.frames[: room // one])


def noise_alone(target: QuantizedTensor, no_camera: str) -> DeviceInputs:
    """No real inputs, for a model without data; `no_camera` says why there is no camera."""
    return DeviceInputs(np.empty((0, *target.shape), np.int8), 0, no_camera=no_camera)


def device_inputs(
    target: QuantizedTensor,
    source: ModelSource,
    split: str,
    images: ImageSet,
    pixels: PixelName,
    crop: Crop | None = None,
) -> DeviceInputs:
    """`images` of a split as inputs of the network whose input is `target`, seen by a camera of their files' size.

    Images that such a camera cannot see (of several sizes, smaller than the network's input) go in as training has
    them, and there is no camera; none at all go into a network that reads no RGB. Raises ConfigError for a `crop`
    that no camera can have.
    """
    try:
        pictures = _pictures(source, split, images)
        camera = _camera(pictures, pixels, crop)
        frames = [camera.encode(picture) for picture in pictures]
        seen = np.stack([received_input(frame, camera, target.shape, target) for frame in frames])
    except (ConfigError, DataError) as error:
        if crop is not None:
            raise
        if target.shape[2] != images.images.shape[3]:
            return noise_alone(target, str(error))
        values = byte_table(target.scale, target.zero_point)[images.images]
        return DeviceInputs(values, len(values), no_camera=str(error))
    sent = np.frombuffer(b"".join(frames), np.int8).reshape(len(frames), camera.height, camera.row_bytes, 1)
    return DeviceInputs(seen, len(seen), camera, sent)


def _pictures(source: ModelSource, split: str, images: ImageSet) -> Sequence[npt.NDArray[np.uint8]]:
    """The images at their own size; synthetic ones have none but the network's."""
    samples = source.samples(split, images.names)
    if samples is None:
        return list(images.images)
    return [decode_image(sample.image, source.config.dataset.max_pixels) for sample in samples]


def _camera(pictures: Sequence[npt.NDArray[np.uint8]], pixels: PixelName, crop: Crop | None) -> CameraFormat:
    sizes = sorted({picture.shape[:2] for picture in pictures})
    if len(sizes) != 1:
        shown = ", ".join(f"{width}x{height}" for height, width in sizes[:3])
        raise ConfigError(f"the images have several sizes ({shown}), so they are no camera's")
    ((height, width),) = sizes
    return CameraFormat(width, height, pixels, crop)
