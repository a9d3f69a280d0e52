from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.config import AugmentationConfig, DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data import decode_mask, examine, load_data
from nano_u.errors import DataError

LIMIT = 1_000_000
EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(16, 16, 3)))
ROWS, COLUMNS = np.mgrid[0:16, 0:16]
TRUTH = ((ROWS + COLUMNS // 3) > 12).astype(np.uint8)


def palette(indices: np.ndarray) -> Image.Image:
    picture = Image.frombytes("P", (indices.shape[1], indices.shape[0]), indices.tobytes())
    picture.putpalette([0, 0, 0, 128, 64, 128])
    return picture


def rgba(colour: np.ndarray, alpha: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([colour, colour, colour, alpha]).astype(np.uint8))


ENCODINGS: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "08 gray 0/1": lambda truth: Image.fromarray(truth),
    "09 gray 0/255": lambda truth: Image.fromarray(truth * 255),
    "11 palette": palette,
    "12 RGB, gray": lambda truth: Image.fromarray(np.dstack([truth * 255] * 3)),
    "13 RGBA, opaque": lambda truth: rgba(truth * 255, np.full(truth.shape, 255)),
    "14 16-bit 0/1": lambda truth: Image.fromarray(truth.astype(np.uint16)),
    "14 16-bit 0/65535": lambda truth: Image.fromarray(truth.astype(np.uint16) * 65535),
    "15 1-bit": lambda truth: Image.fromarray(truth * 255).convert("1"),
}

REFUSED: dict[str, tuple[Callable[[np.ndarray], Image.Image], str]] = {
    "10 void": (lambda truth: Image.fromarray(np.where(ROWS == 0, 255, truth).astype(np.uint8)), "ignore_index: 255"),
    "12 RGB, colours": (lambda truth: Image.fromarray(np.dstack([truth * 255, truth * 0, truth * 0])), "in colours"),
    "13 alpha only, black": (lambda truth: rgba(truth * 0, truth * 255), "with transparency"),
    "13 alpha only, white": (lambda truth: rgba(truth * 0 + 255, truth * 255), "with transparency"),
    "13 gray and alpha": (lambda truth: Image.fromarray(np.dstack([truth * 255, truth * 255])), "with transparency"),
    "three values": (
        lambda truth: Image.fromarray(truth * 100 + (ROWS > 14).astype(np.uint8)),
        "it must hold 0 and one",
    ),
}


def saved(folder: Path, picture: Image.Image, name: str = "mask.png") -> Path:
    picture.save(folder / name)
    return folder / name


def rewrite_masks(root: Path, encode: Callable[[np.ndarray], Image.Image]) -> None:
    for path in root.glob("*/mask/*.png"):
        with Image.open(path) as picture:
            truth = (np.asarray(picture) == 255).astype(np.uint8)
        encode(truth).save(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_08_to_15_every_encoding_of_one_truth_is_the_same_tensor(tmp_path: Path, encoding: str) -> None:
    mask = decode_mask(saved(tmp_path, ENCODINGS[encoding](TRUTH)), LIMIT)

    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, TRUTH)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [0, 1])
def test_08_to_15_constant_masks_stay_what_they_are(tmp_path: Path, encoding: str, value: int) -> None:
    truth = np.full_like(TRUTH, value)

    np.testing.assert_array_equal(decode_mask(saved(tmp_path, ENCODINGS[encoding](truth)), LIMIT), truth)


@pytest.mark.parametrize("encoding", REFUSED)
def test_10_to_13_what_can_be_read_in_two_ways_is_refused_by_name(tmp_path: Path, encoding: str) -> None:
    encode, message = REFUSED[encoding]

    with pytest.raises(DataError, match=rf"mask\.png: .*{message}"):
        decode_mask(saved(tmp_path, encode(TRUTH)), LIMIT)


def test_08_the_class_share_of_0_and_1_masks_is_exact(tiny_dataset: Path) -> None:
    expected = load_data(str(tiny_dataset), EXPERIMENT)["train"].positive_share()

    rewrite_masks(tiny_dataset, ENCODINGS["08 gray 0/1"])

    assert expected is not None
    assert 0.2 < expected < 0.8
    assert load_data(str(tiny_dataset), EXPERIMENT)["train"].positive_share() == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_09_training_sees_byte_equal_data_whatever_the_encoding(tiny_dataset: Path, encoding: str) -> None:
    before = load_data(str(tiny_dataset), EXPERIMENT)["train"]

    rewrite_masks(tiny_dataset, ENCODINGS[encoding])
    after = load_data(str(tiny_dataset), EXPERIMENT)["train"]

    assert after.images.tobytes() == before.images.tobytes()
    assert after.masks.tobytes() == before.masks.tobytes()
    assert after.fingerprint() == before.fingerprint()


def test_09_training_batches_are_byte_equal(tiny_dataset: Path) -> None:
    from nano_u.data import training_batches

    def first_batch() -> list[bytes]:
        data = load_data(str(tiny_dataset), EXPERIMENT)["train"]
        batches = training_batches(data, batch_size=4, seed=1, augmentation=AugmentationConfig())
        return [np.asarray(tensor).tobytes() for tensor in next(iter(batches))]

    as_255 = first_batch()
    rewrite_masks(tiny_dataset, ENCODINGS["08 gray 0/1"])

    assert first_batch() == as_255


def test_10_with_an_ignore_index_void_is_never_class(tmp_path: Path) -> None:
    stored = np.where(ROWS == 0, 255, TRUTH).astype(np.uint8)

    mask = decode_mask(saved(tmp_path, Image.fromarray(stored)), LIMIT, ignore_index=255)

    np.testing.assert_array_equal(mask, stored)
    assert set(np.unique(mask)) == {0, 1, 255}


def test_16_a_jpeg_mask_is_thresholded_and_its_stray_pixels_counted(
    tiny_dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = load_data(str(tiny_dataset), EXPERIMENT)
    stray = 0
    for path in sorted((tiny_dataset / "train" / "mask").iterdir()):
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".jpg"), quality=80)
        path.unlink()
        with Image.open(path.with_suffix(".jpg")) as picture:
            stray += int(np.count_nonzero(~np.isin(np.asarray(picture), (0, 255))))

    with caplog.at_level(logging.WARNING):
        found = load_data(str(tiny_dataset), EXPERIMENT)

    assert stray > 0
    np.testing.assert_array_equal(found["train"].masks, expected["train"].masks)
    assert f"12 mask(s) in a lossy format: {stray} of {12 * 256} pixels hold neither 0 nor 255" in caplog.text
    assert f"{stray} of {12 * 256} pixels" in "".join(f.text for f in examine(tiny_dataset, DatasetConfig()).warnings)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(("value", "what"), [(0, "background"), (255, "class")])
def test_17_a_split_of_one_value_cannot_be_trained_on(tiny_dataset: Path, split: str, value: int, what: str) -> None:
    for path in (tiny_dataset / split / "mask").iterdir():
        Image.new("L", (16, 16), value).save(path)

    with pytest.raises(DataError, match=rf"{split}: all pixels of all \d+ masks are {what}; check the mask files"):
        load_data(str(tiny_dataset), EXPERIMENT)
    assert examine(tiny_dataset, DatasetConfig()).exit_code == 1


def test_17_single_empty_masks_are_reported_only(tiny_dataset: Path) -> None:
    Image.new("L", (16, 16)).save(tiny_dataset / "train" / "mask" / "trainA_002.png")

    report = examine(tiny_dataset, DatasetConfig())

    assert report.exit_code == 0
    empty = next(finding for finding in report.notes if "without any pixel of the class" in finding.text)
    assert empty.files == ("train/img/trainA_002.png",)
    assert len(load_data(str(tiny_dataset), EXPERIMENT)["train"]) == 12
