from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nano_u.config import DatasetConfig
from nano_u.data import ImageSet, Sample, decode_image, index_dataset, load_images
from nano_u.data.camera import CameraFormat
from nano_u.data.camera_device import device_pixels
from nano_u.data.camera_images import files_through_camera, set_through_camera
from nano_u.data.pixel_names import PixelName
from nano_u.errors import ConfigError

CONFIG = DatasetConfig()
LIMIT = CONFIG.max_pixels


@pytest.fixture
def samples(tmp_path: Path, make_tiny_dataset: Callable[..., Path]) -> tuple[Sample, ...]:
    """Four images of 21 rows and 26 columns."""
    return index_dataset(make_tiny_dataset(tmp_path / "data", size=(21, 26)), CONFIG).splits["val"]


@pytest.mark.parametrize("pixels", ["rgb888", "rgb565", "uyvy"])
def test_files_are_seen_at_their_own_size_by_the_device(samples: tuple[Sample, ...], pixels: PixelName) -> None:
    loaded = load_images(samples, (8, 10), CONFIG)
    steps: list[tuple[int, int]] = []

    seen = files_through_camera(loaded, samples, pixels, LIMIT, progress=lambda done, of: steps.append((done, of)))

    camera = CameraFormat(26, 21, pixels)
    expected = [device_pixels(decode_image(sample.image, LIMIT), camera, (8, 10)) for sample in samples]
    np.testing.assert_array_equal(seen.images, np.stack(expected))
    np.testing.assert_array_equal(seen.masks, loaded.masks)
    assert (seen.names, seen.groups) == (loaded.names, loaded.groups)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_colour_camera_shows_what_training_sees_but_for_the_rounding_of_halves(samples: tuple[Sample, ...]) -> None:
    loaded = load_images(samples, (8, 10), CONFIG)

    seen = files_through_camera(loaded, samples, "rgb888", LIMIT)

    assert np.abs(seen.images.astype(int) - loaded.images).max() <= 1


def test_images_without_files_are_seen_at_the_size_they_have() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)
    image_set = ImageSet(images, np.zeros((2, 4, 6, 1), np.uint8), ("a", "b"), ("g", "g"))

    np.testing.assert_array_equal(set_through_camera(image_set, "bgr888").images, images)
    np.testing.assert_array_equal(
        set_through_camera(image_set, "rgb565").images[1],
        device_pixels(images[1], CameraFormat(6, 4, "rgb565"), (4, 6)),
    )


def test_a_file_that_is_smaller_than_the_network_is_named(samples: tuple[Sample, ...]) -> None:
    loaded = load_images(samples, (24, 32), CONFIG)

    with pytest.raises(ConfigError, match=r"valA_000\.png: camera: a picture of 26x21 cannot be enlarged"):
        files_through_camera(loaded, samples, "rgb888", LIMIT)


def test_a_file_of_another_size_than_the_cameras_is_named(samples: tuple[Sample, ...]) -> None:
    loaded = load_images(samples, (8, 10), CONFIG)

    with pytest.raises(ConfigError, match=r"valA_000\.png: is 26x21, the camera 27x21"):
        files_through_camera(loaded, samples, "rgb888", LIMIT, size=(21, 27))
    same = files_through_camera(loaded, samples[:1] * len(samples), "rgb888", LIMIT, size=(21, 26))
    assert len(same) == len(samples)
