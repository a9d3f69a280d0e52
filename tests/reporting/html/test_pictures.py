from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from nano_u.reporting.html.pictures import LARGEST_PICTURE, correlation_pixels, picture_uri


def decoded(uri: str) -> tuple[str, np.ndarray]:
    kind, _, content = uri.partition(";base64,")
    return kind.removeprefix("data:image/"), np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_a_small_picture_keeps_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(48, 64, 3), dtype=np.uint8)

    kind, found = decoded(picture_uri(pixels))

    assert kind == "png"
    np.testing.assert_array_equal(found, pixels)


def test_floats_from_zero_to_one_become_whole_numbers_and_others_are_cut() -> None:
    _, found = decoded(picture_uri(np.array([[[0.0, 0.5, 1.0], [-1.0, 2.0, 0.2]]])))

    assert found.tolist() == [[[0, 128, 255], [0, 255, 51]]]


def test_a_large_picture_is_shrunk_and_stays_small_and_alike() -> None:
    rows, columns = np.mgrid[0:480, 0:640]
    noise = np.random.default_rng(0).integers(0, 40, size=(480, 640, 3))
    pixels = (np.stack([rows / 3, columns / 4, rows * 0 + 90], axis=-1) + noise).astype(np.uint8)

    uri = picture_uri(pixels)
    _, found = decoded(uri)

    assert found.shape == (LARGEST_PICTURE * 480 // 640, LARGEST_PICTURE, 3)
    assert len(uri) < 60_000
    assert found.mean(axis=(0, 1)) == pytest.approx(pixels.mean(axis=(0, 1)), abs=2)


def test_flat_pictures_stay_exact_at_any_size() -> None:
    pixels = np.zeros((200, 240, 3), np.uint8)
    pixels[100:] = (0, 114, 178)

    kind, found = decoded(picture_uri(pixels))

    assert kind == "png"
    np.testing.assert_array_equal(found, pixels)


def test_correlations_are_blue_white_and_red_and_grey_where_undefined() -> None:
    red, white, blue, grey = correlation_pixels(np.array([[1.0, 0.0], [-1.0, np.nan]])).reshape(4, 3)

    assert red[0] > 0.3 > red[2]
    assert blue[2] > 0.3 > blue[0]
    assert white.min() > 0.95
    assert grey == pytest.approx(np.full(3, 0xB9 / 255))
