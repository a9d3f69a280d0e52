"""Image files to RGB and mask files to 0 and 1, whatever way they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from nano_u.data.mask_values import LOSSY_FORMATS, MaskReading, Storage, read_values
from nano_u.data.picture_file import PictureFile, open_picture
from nano_u.errors import DataError

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with each EXIF orientation upright."""

SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
DIRECT_MODES = frozenset({"RGB", "L", "1", "CMYK", "YCbCr"})
ALPHA_MODES = frozenset({"RGBA", "LA", "P", "PA", "RGBX"})


@dataclass(frozen=True)
class UprightImage:
    """An RGB image with its EXIF orientation applied, and what that orientation was."""

    rgb: Image.Image
    orientation: int


def decode_image(path: Path, max_pixels: int) -> npt.NDArray[np.uint8]:
    """The image as uint8 RGB `(height, width, 3)`, upright by its EXIF orientation."""
    return np.asarray(read_image(path, max_pixels).rgb)


def decode_mask(path: Path, max_pixels: int, ignore_index: int | None = None) -> npt.NDArray[np.uint8]:
    """The mask as uint8 `(height, width)` of 0 and 1; 255 for pixels to ignore where `ignore_index` is given."""
    return read_mask(path, max_pixels, ignore_index).mask


def read_image(path: Path, max_pixels: int) -> UprightImage:
    """Decode an image to upright RGB.

    Gray is repeated, CMYK and YCbCr are converted, palettes looked up, transparency is dropped and 16-bit gray scaled
    from 0..65535 to 0..255. Floating-point and other colour spaces are refused.
    """
    picture = open_picture(path, max_pixels)
    rgb = _to_rgb(picture)
    method = UPRIGHT.get(picture.orientation)
    return UprightImage(rgb if method is None else rgb.transpose(method), picture.orientation)


def read_mask(path: Path, max_pixels: int, ignore_index: int | None = None) -> MaskReading:
    """Decode a mask; raises DataError for every encoding that could be read in two ways."""
    picture = open_picture(path, max_pixels)
    if picture.orientation != 1:
        raise DataError(f"{path}: mask with EXIF orientation {picture.orientation}; save it upright without EXIF")
    values, storage = _stored_values(picture)
    lossy = picture.format in LOSSY_FORMATS
    reading = read_values(str(path), values, storage, is_lossy=lossy, ignore_index=ignore_index)
    if storage == "palette":
        _refuse_inverted_palette(picture, reading)
    return reading


def require_same_size(image_path: Path, image: UprightImage, mask_path: Path, mask: MaskReading) -> None:
    """Refuse a mask that is not as large as its image."""
    width, height = image.rgb.size
    mask_height, mask_width = mask.mask.shape
    if (width, height) == (mask_width, mask_height):
        return
    turned = f" after its EXIF orientation {image.orientation} was applied" if image.orientation != 1 else ""
    raise DataError(
        f"{image_path}: image is {width}x{height}{turned}, its mask {mask_path.name} {mask_width}x{mask_height}; "
        "make the mask as large as the image"
    )


def _to_rgb(picture: PictureFile) -> Image.Image:
    pixels = picture.pixels
    if pixels.mode in DIRECT_MODES:
        return pixels.convert("RGB")
    if pixels.mode in ALPHA_MODES:
        return pixels.convert("RGBA").convert("RGB")
    if pixels.mode in SIXTEEN_BIT_MODES:
        return Image.fromarray(_eight_of_sixteen_bits(picture)).convert("RGB")
    raise DataError(f"{picture.path}: pixels of kind {pixels.mode} are not supported; save the image as 8-bit RGB")


def _eight_of_sixteen_bits(picture: PictureFile) -> npt.NDArray[np.uint8]:
    values = np.asarray(picture.pixels).astype(np.int64)
    if values.size and not 0 <= values.min() <= values.max() <= 65535:
        raise DataError(f"{picture.path}: gray values outside 0..65535; save the image as 8 or 16 bits")
    return ((values * 255 + 32767) // 65535).astype(np.uint8)


def _stored_values(picture: PictureFile) -> tuple[npt.NDArray[np.integer], Storage]:
    """The numbers in the file, without any conversion, and how they are stored."""
    pixels = picture.pixels
    if pixels.mode in ("RGB", "RGBA", "LA"):
        return _gray_of_channels(picture), "8-bit"
    if pixels.mode == "1":
        return np.asarray(pixels).astype(np.uint8), "1-bit"
    if pixels.mode == "L":
        return np.asarray(pixels), "8-bit"
    if pixels.mode == "P":
        return np.asarray(pixels), "palette"
    if pixels.mode in SIXTEEN_BIT_MODES:
        return np.asarray(pixels), "16-bit"
    raise DataError(f"{picture.path}: mask with pixels of kind {pixels.mode}; save it as 8-bit gray")


def _gray_of_channels(picture: PictureFile) -> npt.NDArray[np.uint8]:
    """The one gray value of each pixel of an RGB or alpha picture; refused where the channels say different things."""
    channels = np.asarray(picture.pixels)
    if picture.pixels.mode in ("RGBA", "LA"):
        if int(channels[..., -1].min()) != 255:
            raise DataError(
                f"{picture.path}: mask with transparency; save it as 8-bit gray, so that it is clear what counts"
            )
        channels = channels[..., :-1]
    if bool(np.any(channels != channels[..., :1])):
        raise DataError(f"{picture.path}: mask in colours; map the colour of the class to 255 and all others to 0")
    return np.ascontiguousarray(channels[..., 0])


def _refuse_inverted_palette(picture: PictureFile, reading: MaskReading) -> None:
    """Refuse a palette that paints index 0 brighter than the class: index and look contradict each other."""
    colours = np.reshape(picture.pixels.getpalette("RGB") or [], (-1, 3))
    foreground = reading.encoding.foreground_value
    other = 1 if foreground is None else foreground
    if not len(colours) or len(set(colours[0])) > 1:
        return
    if other < len(colours):
        is_inverted = len(set(colours[other])) == 1 and colours[0][0] > colours[other][0]
    else:
        is_inverted = colours[0][0] >= 128
    if is_inverted:
        raise DataError(f"{picture.path}: palette index 0 is painted bright; save the mask as 8-bit gray 0 and 255")
