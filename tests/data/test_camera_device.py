from __future__ import annotations

import numpy as np
import pytest

from nano_u.data import as_floats
from nano_u.data.camera import CameraFormat, Crop
from nano_u.data.camera_device import Quantization, byte_table, device_pixels, received_input
from nano_u.data.pixel_names import PIXEL_NAMES, PixelName
from nano_u.deploy.affine import INPUT_QUANTIZATION, AffineQuantization
from nano_u.errors import ConfigError, DataError, DeployError
from nano_u.quantization import QuantizedTensor

BYTES = np.arange(256, dtype=np.uint8)


def test_our_models_read_each_byte_less_128() -> None:
    assert byte_table(INPUT_QUANTIZATION.scale, INPUT_QUANTIZATION.zero_point).tolist() == list(range(-128, 128))


@pytest.mark.parametrize("scale", [1 / 255, 1 / 127, 0.0039, 0.0078125, 0.001, 2.0, 1e-30, 3e38])
@pytest.mark.parametrize("zero_point", [-128, -1, 0, 3, 127])
def test_the_table_is_the_quantisation_of_the_floats(scale: float, zero_point: int) -> None:
    expected = AffineQuantization(scale, zero_point)

    np.testing.assert_array_equal(byte_table(scale, zero_point), expected.quantise(as_floats(BYTES)))


def test_the_smallest_scale_saturates_all_but_nothing() -> None:
    assert byte_table(1e-45, 3).tolist() == [3] + [127] * 255


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (-1.0, 0), (float("nan"), 0), (1e39, 0), (1.0, 128)])
def test_what_is_no_quantisation_is_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(DeployError, match="scale must be a positive float32 and the zero point -128 to 127"):
        byte_table(scale, zero_point)


def seen(
    image: np.ndarray, camera: CameraFormat, shape: tuple[int, int, int], quantization: Quantization
) -> np.ndarray:
    return received_input(camera.encode(image), camera, shape, quantization)


def test_the_network_reads_cropped_averages_less_128() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[1:3, 2:4] = [[[10, 20, 30], [20, 30, 40]], [[30, 40, 50], [40, 50, 62]]]

    values = seen(image, CameraFormat(6, 4, crop=Crop(2, 1, 2, 2)), (1, 1, 3), INPUT_QUANTIZATION)

    assert values.tolist() == [[[25 - 128, 35 - 128, 46 - 128]]]


@pytest.mark.parametrize("pixels", PIXEL_NAMES)
def test_the_input_is_the_pixels_that_were_received_quantised(pixels: PixelName) -> None:
    image = np.random.default_rng(3).integers(0, 256, (12, 20, 3), np.uint8)
    camera = CameraFormat(20, 12, pixels)
    tensor = QuantizedTensor("image", (5, 8, 3), 0.01, -3)

    values = seen(image, camera, tensor.shape, tensor)

    received = as_floats(device_pixels(image, camera, (5, 8)))
    np.testing.assert_array_equal(values, AffineQuantization(0.01, -3).quantise(received))


def test_a_gray_network_looks_through_a_gray_camera_alone() -> None:
    image = np.full((2, 2, 3), 9, np.uint8)

    assert seen(image, CameraFormat(2, 2, "gray8"), (1, 1, 1), INPUT_QUANTIZATION).tolist() == [[[9 - 128]]]
    with pytest.raises(DataError, match="through a rgb565 camera has 3 channels, or 1 behind a gray8 camera, this one"):
        seen(image, CameraFormat(2, 2, "rgb565"), (1, 1, 1), INPUT_QUANTIZATION)
    with pytest.raises(DataError, match="this one has 4"):
        seen(image, CameraFormat(2, 2, "gray8"), (1, 1, 4), INPUT_QUANTIZATION)


def test_a_network_larger_than_the_crop_is_refused() -> None:
    camera = CameraFormat(6, 4, crop=Crop(0, 0, 3, 4))

    with pytest.raises(ConfigError, match="a picture of 3x4 cannot be enlarged to the network's 4x4"):
        device_pixels(np.zeros((4, 6, 3), np.uint8), camera, (4, 4))
