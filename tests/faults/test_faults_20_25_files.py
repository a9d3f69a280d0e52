from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from nano_u.cli.main import main
from nano_u.config import DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data import decode_image, examine, load_data
from nano_u.errors import DataError

LIMIT = 1_000_000
CONFIG = DatasetConfig()
EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(16, 16, 3)))


def smooth(height: int = 24, width: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack([rows * 255 // height, columns * 255 // width, (rows + columns) * 2]).astype(np.uint8)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_20_a_truncated_file_is_found_before_training_and_named(tiny_dataset: Path, ending: str) -> None:
    path = tiny_dataset / "train" / "img" / "trainA_003.png"
    path.unlink()
    path = path.with_suffix(f".{ending}")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(DataError, match=rf"trainA_003\.{ending}: damaged: .*; restore or delete it"):
        load_data(str(tiny_dataset), EXPERIMENT)
    assert f"train/img/trainA_003.{ending}: damaged" in examine(tiny_dataset, CONFIG).errors[0].text


def test_20_doctor_names_it_and_exits_1(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_dataset / "train" / "mask" / "trainA_003.png"
    path.write_bytes(path.read_bytes()[:-30])

    assert main(["doctor", str(tiny_dataset)]) == 1
    assert "train/mask/trainA_003.png: damaged" in capsys.readouterr().out


def test_21_a_flipped_bit_that_still_decodes_changes_the_fingerprint_and_is_found_by_name(tiny_dataset: Path) -> None:
    path = tiny_dataset / "train" / "img" / "trainA_005.png"
    path.unlink()
    path = path.with_suffix(".jpg")
    Image.fromarray(smooth(16, 16)).save(path, quality=95)
    before = load_data(str(tiny_dataset), EXPERIMENT)["train"]
    content = bytearray(path.read_bytes())
    content[-40] ^= 0b100
    path.write_bytes(content)

    after = load_data(str(tiny_dataset), EXPERIMENT)["train"]

    assert after.fingerprint() != before.fingerprint()
    assert {name for name, _ in set(before.manifest()) ^ set(after.manifest())} == {"trainA_005"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"<html><body>Not found</body></html>", "is a web page, not a picture"),
        (b"hello", "is text, not a picture"),
    ],
)
def test_22_files_that_are_no_pictures_are_called_what_they_are(tiny_dataset: Path, content: bytes, what: str) -> None:
    (tiny_dataset / "train" / "img" / "trainA_000.png").write_bytes(content)

    with pytest.raises(DataError, match=rf"trainA_000\.png: {what}"):
        load_data(str(tiny_dataset), EXPERIMENT)


@pytest.mark.parametrize("format", ["JPEG", "BMP", "WEBP", "TIFF"])
def test_22_a_wrong_extension_does_not_matter_and_the_shape_is_that_of_one_image(tmp_path: Path, format: str) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(smooth()).save(path, format)

    assert decode_image(path, LIMIT).shape == (24, 32, 3)


def test_22_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(smooth()), Image.fromarray(smooth()[::-1])]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])

    with pytest.raises(DataError, match=r"a\.webp: holds 2 frames"):
        decode_image(tmp_path / "a.webp", LIMIT)


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_23_every_exif_orientation_is_turned_upright(tmp_path: Path, orientation: int, format: str) -> None:
    upright = Image.fromarray(smooth())
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = [2, 3, 4, 5, 6, 7, 8]
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    methods = dict(
        zip(
            turns,
            (
                Image.Transpose.FLIP_LEFT_RIGHT,
                Image.Transpose.ROTATE_180,
                Image.Transpose.FLIP_TOP_BOTTOM,
                Image.Transpose.TRANSPOSE,
                Image.Transpose.ROTATE_270,
                Image.Transpose.TRANSVERSE,
                Image.Transpose.ROTATE_90,
            ),
            strict=True,
        )
    )
    stored = upright if orientation == 1 else upright.transpose(methods[inverse])
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(format, {})
    path = tmp_path / f"a.{format}"
    stored.save(path, exif=exif, **options)

    image = decode_image(path, LIMIT)

    assert image.shape == (24, 32, 3)
    np.testing.assert_allclose(image.astype(int), smooth().astype(int), atol=12 if format == "jpg" else 0)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(image, np.asarray(ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_23_a_mask_drawn_on_the_unrotated_image_is_refused(tiny_dataset: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(smooth()).save(tiny_dataset / "train" / "img" / "trainA_000.png", exif=exif)
    Image.new("L", (32, 24)).save(tiny_dataset / "train" / "mask" / "trainA_000.png")

    message = rf"image is 24x32 after its EXIF orientation {orientation} was applied, its mask trainA_000\.png 32x24"
    with pytest.raises(DataError, match=message):
        load_data(str(tiny_dataset), EXPERIMENT)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("CMYK", [[[255, 255, 255], [0, 0, 0]]]),
        ("L", [[[10, 10, 10], [200, 200, 200]]]),
        ("LA", [[[10, 10, 10], [200, 200, 200]]]),
        ("RGBA", [[[10, 20, 30], [40, 50, 60]]]),
        ("1", [[[0, 0, 0], [255, 255, 255]]]),
        ("I;16", [[[1, 1, 1], [255, 255, 255]]]),
    ],
)
def test_24_other_colour_modes_become_three_channels_in_a_defined_way(
    tmp_path: Path, mode: str, expected: list[list[list[int]]]
) -> None:
    pixels = {
        "CMYK": Image.frombytes("CMYK", (2, 1), bytes([0, 0, 0, 0, 0, 0, 0, 255])),
        "L": Image.frombytes("L", (2, 1), bytes([10, 200])),
        "LA": Image.frombytes("LA", (2, 1), bytes([10, 255, 200, 0])),
        "RGBA": Image.frombytes("RGBA", (2, 1), bytes([10, 20, 30, 0, 40, 50, 60, 255])),
        "1": Image.frombytes("L", (2, 1), bytes([0, 255])).convert("1"),
        "I;16": Image.fromarray(np.array([[257, 65535]], np.uint16)),
    }
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    pixels[mode].save(path)

    assert decode_image(path, LIMIT).tolist() == expected


MEASURE = """
import resource, sys
from pathlib import Path
from PIL import Image
from nano_u.data import decode_image
from nano_u.errors import DataError
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
refusals = []
for path in map(Path, sys.argv[1:]):
    try:
        decode_image(path, 50_000_000)
    except DataError as error:
        refusals.append(str(error))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(len(refusals), grown)
assert all("pixels" in refusal and "dataset.max_pixels" in refusal for refusal in refusals), refusals
"""


def test_25_a_small_file_that_unpacks_to_gigabytes_is_refused_from_its_header(tmp_path: Path) -> None:
    bombs = []
    for side in (8000, 20000):  # below and above the sizes that Pillow itself refuses; 20000x20000 is 1.2 GB as RGB
        path = tmp_path / f"bomb{side}.png"
        Image.new("1", (side, side)).save(path)
        bombs.append(str(path))
    assert Path(bombs[1]).stat().st_size < 60_000

    done = subprocess.run([sys.executable, "-c", MEASURE, *bombs], check=True, capture_output=True, text=True)

    refused, grown_mebibytes = done.stdout.split()
    assert int(refused) == 2
    assert float(grown_mebibytes) < 20
