from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nano_u.cli.main import main
from nano_u.config import DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data import index_dataset, load_data
from nano_u.data.pairing import pair_by_stem
from nano_u.errors import DataError

CONFIG = DatasetConfig()
EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(16, 16, 3)))


def pairs(root: Path, config: DatasetConfig = CONFIG) -> list[tuple[str, str]]:
    splits = index_dataset(root, config, val_fraction=0.0).splits
    return [(sample.image.name, sample.mask.name) for members in splits.values() for sample in members]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB" if path.parent.name == "img" else "L", (4, 4)).save(path)


def test_01_images_without_mask_and_masks_without_image_are_all_named(tiny_dataset: Path) -> None:
    for missing in ("img/trainA_001", "mask/trainA_003", "mask/trainB_007"):
        (tiny_dataset / "train" / f"{missing}.png").unlink()

    with pytest.raises(DataError) as error:
        load_data(str(tiny_dataset), EXPERIMENT)

    assert "2 image(s) without mask: train/img/trainA_003.png, train/img/trainB_007.png" in str(error.value)
    assert "1 mask(s) without image: train/mask/trainA_001.png" in str(error.value)
    assert "\n" not in str(error.value)


def test_01_they_are_left_out_and_counted_on_request(tiny_dataset: Path) -> None:
    for missing in ("img/trainA_001", "mask/trainA_003", "mask/trainB_007"):
        (tiny_dataset / "train" / f"{missing}.png").unlink()

    index = index_dataset(tiny_dataset, DatasetConfig(allow_unpaired=True))

    assert len(index.splits["train"]) == 9
    assert index.unpaired == 3
    assert "3 file(s) without partner left out" in index.warnings


def test_01_doctor_exits_1_and_names_them(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny_dataset / "test" / "mask" / "testB_002.png").unlink()

    assert main(["doctor", str(tiny_dataset)]) == 1
    assert "1 image(s) without mask: test/img/testB_002.png" in capsys.readouterr().out


def test_02_the_order_in_which_a_folder_is_listed_changes_nothing(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = index_dataset(tiny_dataset, CONFIG)
    in_order = os.scandir

    @contextmanager
    def shuffled(path: Any) -> Iterator[Iterator[os.DirEntry[str]]]:
        with in_order(path) as entries:
            found = list(entries)
        random.Random(str(path)).shuffle(found)
        yield iter(found)

    monkeypatch.setattr(os, "scandir", shuffled)

    assert index_dataset(tiny_dataset, CONFIG) == expected
    assert all(image == mask for image, mask in pairs(tiny_dataset))


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_03_numbers_pair_by_name_however_they_sort(numbers: set[int], order: random.Random) -> None:
    images = [Path(f"img_{number}.jpg") for number in numbers]
    masks = [Path(f"img_{number}.png") for number in numbers]
    order.shuffle(images)
    order.shuffle(masks)

    pairing = pair_by_stem(images, masks)

    assert [pair.name for pair in pairing.pairs] == [f"img_{number}" for number in sorted(numbers)]
    assert all(pair.image.stem == pair.mask.stem for pair in pairing.pairs)


@pytest.mark.parametrize("kind", ["img", "mask"])
def test_04_two_files_of_one_stem_are_refused_and_both_named(tiny_dataset: Path, kind: str) -> None:
    folder = tiny_dataset / "train" / kind
    Image.open(folder / "trainA_000.png").save(folder / "trainA_000.bmp")

    with pytest.raises(
        DataError, match=rf"train/{kind}/trainA_000\.bmp, train/{kind}/trainA_000\.png have the same stem"
    ):
        index_dataset(tiny_dataset, CONFIG)


@pytest.mark.parametrize("suffix", ["_mask", "_L"])
def test_05_a_suffix_is_configured_and_suggested(tmp_path: Path, suffix: str) -> None:
    for number in range(3):
        picture(tmp_path / "train" / "img" / f"a_{number}.jpg")
        picture(tmp_path / "train" / "mask" / f"a_{number}{suffix}.png")

    with pytest.raises(DataError, match=rf"these masks all end in {suffix}: set dataset\.mask_suffix: {suffix}"):
        index_dataset(tmp_path, CONFIG)
    assert pairs(tmp_path, DatasetConfig(mask_suffix=suffix)) == [
        (f"a_{number}.jpg", f"a_{number}{suffix}.png") for number in range(3)
    ]


def test_05_doctor_shows_the_first_three_pairs(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tiny_dataset)]) == 0

    output = capsys.readouterr().out
    for number in range(3):
        assert f"train/img/trainA_00{number}.png with train/mask/trainA_00{number}.png" in output
    assert "trainA_003" not in output


@pytest.mark.parametrize(
    ("image", "mask"),
    [("caf\u00e9_1.jpg", "cafe\u0301_1.png"), ("cafe\u0301_1.jpg", "caf\u00e9_1.png"), ("IMG_1.JPG", "img_1.png")],
)
def test_06_names_that_differ_in_unicode_form_or_case_pair_with_a_warning(
    tmp_path: Path, image: str, mask: str
) -> None:
    picture(tmp_path / "train" / "img" / image)
    picture(tmp_path / "train" / "mask" / mask)

    index = index_dataset(tmp_path, CONFIG, val_fraction=0.0)

    assert pairs(tmp_path) == [(image, mask)]
    assert index.warnings == (f"paired although case or Unicode form differ: {image} with {mask}",)


def test_07_a_mask_of_another_size_is_refused(tiny_dataset: Path) -> None:
    Image.fromarray(np.zeros((16, 15), np.uint8)).save(tiny_dataset / "val" / "mask" / "valA_000.png")

    with pytest.raises(DataError, match=r"valA_000\.png: image is 16x16, its mask valA_000\.png 15x16; make the mask"):
        load_data(str(tiny_dataset), EXPERIMENT)
