"""Images at their own size, brought to the network's through a camera instead of the resize of training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from nano_u.data.camera import CameraFormat
from nano_u.data.camera_device import device_pixels
from nano_u.data.decode import decode_image
from nano_u.data.image_set import ImageSet
from nano_u.data.pixel_names import PixelName
from nano_u.data.sample import Sample
from nano_u.errors import ConfigError
from nano_u.runs import usable_cpus

Progress = Callable[[int, int], None]


def files_through_camera(
    image_set: ImageSet,
    samples: Sequence[Sample],
    pixels: PixelName,
    max_pixels: int,
    *,
    size: tuple[int, int] | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """`image_set` with the images of its files, `samples`, as the device sees them; masks, names and groups stay.

    Each file is what a camera of its own size looks at and sends as `pixels`; with `size` (height, width) all must have
    that one. Raises DataError or ConfigError that names the file which cannot be seen so, for example because it is
    smaller than the network's input.
    """

    def seen(sample: Sample) -> npt.NDArray[np.uint8]:
        image = decode_image(sample.image, max_pixels)
        if size is not None and image.shape[:2] != size:
            height, width = image.shape[:2]
            raise ConfigError(f"{sample.image}: is {width}x{height}, the camera {size[1]}x{size[0]}")
        return _seen(image, pixels, image_set.size, str(sample.image))

    images = np.empty_like(image_set.images)
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for place, image in enumerate(pool.map(seen, samples)):
            images[place] = image
            if progress is not None:
                progress(place + 1, len(samples))
    return dataclasses.replace(image_set, images=images)


def set_through_camera(image_set: ImageSet, pixels: PixelName) -> ImageSet:
    """`image_set` with its images as a camera of the network's own size would send them as `pixels`."""
    seen = [
        _seen(image, pixels, image_set.size, name)
        for name, image in zip(image_set.names, image_set.images, strict=True)
    ]
    return dataclasses.replace(image_set, images=np.stack(seen) if seen else image_set.images)


def _seen(image: npt.NDArray[np.uint8], pixels: PixelName, size: tuple[int, int], name: str) -> npt.NDArray[np.uint8]:
    try:
        height, width, _ = image.shape
        return device_pixels(image, CameraFormat(width, height, pixels), size)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
