from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.data.decode import decode_image, decode_mask, read_image, read_mask, require_same_size
from nano_u.errors import DataError

LIMIT = 10_000
GRADIENT = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
TRUTH = (GRADIENT > 100).astype(np.uint8)


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)

    np.testing.assert_array_equal(decode_image(saved(tmp_path / "a.png", Image.fromarray(pixels)), LIMIT), pixels)


def test_transparency_is_dropped_and_colours_stay(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)

    path = saved(tmp_path / "a.png", Image.fromarray(pixels))

    np.testing.assert_array_equal(decode_image(path, LIMIT), pixels[..., :3])


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    picture = Image.frombytes("P", (8, 6), TRUTH.tobytes())
    picture.putpalette([10, 20, 30, 200, 100, 0])

    image = decode_image(saved(tmp_path / "a.png", picture, transparency=b"\x00\xff"), LIMIT)

    np.testing.assert_array_equal(image, np.array([[10, 20, 30], [200, 100, 0]], np.uint8)[TRUTH])


def test_sixteen_bit_gray_is_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 257, 400, 32768, 65535]], np.uint16)

    image = decode_image(saved(tmp_path / "a.png", Image.fromarray(values)), LIMIT)

    assert image[..., 0].tolist() == [[0, 1, 2, 128, 255]]
    assert (image == image[..., :1]).all()


def test_floating_point_images_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", Image.fromarray(np.ones((2, 2), np.float32)))

    with pytest.raises(DataError, match=r"a\.tif: pixels of kind F are not supported; save the image as 8-bit RGB"):
        decode_image(path, LIMIT)
    with pytest.raises(DataError, match=r"a\.tif: mask with pixels of kind F"):
        decode_mask(path, LIMIT)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "gif", "webp"])
def test_a_mask_is_the_same_in_every_lossless_format(tmp_path: Path, ending: str) -> None:
    options = {"lossless": True} if ending == "webp" else {}
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(TRUTH * 255), **options)

    np.testing.assert_array_equal(decode_mask(path, LIMIT), TRUTH)


def test_a_pbm_mask_is_white_where_the_class_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pbm", Image.fromarray(TRUTH * 255).convert("1"))

    np.testing.assert_array_equal(decode_mask(path, LIMIT), TRUTH)


def palette_mask(indices: np.ndarray, colours: list[int]) -> Image.Image:
    picture = Image.frombytes("P", (indices.shape[1], indices.shape[0]), indices.astype(np.uint8).tobytes())
    picture.putpalette(colours)
    return picture


@pytest.mark.parametrize(
    "colours",
    [[0, 0, 0, 255, 255, 255], [0, 0, 0, 128, 0, 0], [0, 0, 0, 1, 1, 1], [255, 0, 0, 0, 0, 0]],
)
def test_palette_masks_mean_their_indices(tmp_path: Path, colours: list[int]) -> None:
    path = saved(tmp_path / "a.png", palette_mask(TRUTH, colours))

    np.testing.assert_array_equal(decode_mask(path, LIMIT), TRUTH)


@pytest.mark.parametrize(
    ("indices", "colours"),
    [(TRUTH, [255, 255, 255, 0, 0, 0]), (np.zeros_like(TRUTH), [255, 255, 255])],
)
def test_a_palette_that_paints_background_bright_is_refused(
    tmp_path: Path, indices: np.ndarray, colours: list[int]
) -> None:
    path = saved(tmp_path / "a.png", palette_mask(indices, colours))

    with pytest.raises(DataError, match=r"a\.png: palette index 0 is painted bright"):
        decode_mask(path, LIMIT)


def test_a_mask_with_exif_rotation_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.png", Image.fromarray(TRUTH * 255), exif=exif)

    with pytest.raises(DataError, match=r"a\.png: mask with EXIF orientation 6"):
        decode_mask(path, LIMIT)


def test_a_rotated_tiff_is_turned_once(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    path = saved(tmp_path / "a.tif", Image.fromarray(pixels), tiffinfo={0x0112: 3})

    np.testing.assert_array_equal(decode_image(path, LIMIT), pixels[::-1, ::-1])


def test_an_invalid_orientation_counts_as_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    path = saved(tmp_path / "a.png", Image.fromarray(GRADIENT), exif=exif)

    assert read_image(path, LIMIT).orientation == 1


def test_a_mask_of_another_size_than_its_image_is_refused(tmp_path: Path) -> None:
    image = saved(tmp_path / "a.jpg", Image.new("RGB", (8, 6)))
    mask = saved(tmp_path / "a.png", Image.new("L", (6, 8)))

    with pytest.raises(DataError, match=r"a\.jpg: image is 8x6, its mask a\.png 6x8; make the mask as large"):
        require_same_size(image, read_image(image, LIMIT), mask, read_mask(mask, LIMIT))
