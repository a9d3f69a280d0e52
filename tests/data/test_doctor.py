from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nano_u.config import DatasetConfig
from nano_u.data.doctor import examine
from nano_u.data.doctor_report import DoctorReport, Finding
from nano_u.errors import DataError

CONFIG = DatasetConfig()


def texts(findings: tuple[Finding, ...]) -> str:
    return "\n".join(finding.text for finding in findings)


def test_a_sound_dataset_has_rows_and_no_errors(tiny_dataset: Path) -> None:
    report = examine(tiny_dataset, CONFIG)

    assert report.exit_code == 0
    assert report.errors == report.warnings == ()
    assert report.pairs == 20
    assert report.examples[0] == ("train/img/trainA_000.png", "train/mask/trainA_000.png")
    assert report.encodings == {"8-bit 0/255": 20}
    assert [(row.split, row.group, row.images) for row in report.rows][:3] == [
        ("train", "trainA", 6),
        ("train", "trainB", 6),
        ("train", None, 12),
    ]


def test_class_shares_are_those_of_the_masks(tiny_dataset: Path) -> None:
    masks = [np.asarray(Image.open(path)) == 255 for path in sorted((tiny_dataset / "val" / "mask").iterdir())]

    row = next(row for row in examine(tiny_dataset, CONFIG).rows if row.split == "val" and row.group is None)

    assert row.positive_share == pytest.approx(np.mean(masks))
    assert row.least_positive_share == pytest.approx(min(mask.mean() for mask in masks))
    assert row.most_positive_share == pytest.approx(max(mask.mean() for mask in masks))
    assert row.sizes == ("16x16",)


def test_what_predictors_without_learning_reach_is_said(tiny_dataset: Path) -> None:
    report = examine(tiny_dataset, CONFIG)

    share = {row.split: row.positive_share for row in report.rows if row.group is None}
    assert f"class everywhere scores IoU train {share['train']:.3f}, val {share['val']:.3f}" in texts(report.notes)
    assert f"background everywhere scores IoU 0, but accuracy train {1 - share['train']:.3f}" in texts(report.notes)


def test_every_file_that_cannot_be_used_is_an_error_with_a_path_inside_the_dataset(tiny_dataset: Path) -> None:
    (tiny_dataset / "train" / "img" / "trainA_001.png").write_bytes(b"")
    (tiny_dataset / "test" / "mask" / "testA_000.png").write_text("<html>")
    Image.new("L", (5, 5)).save(tiny_dataset / "val" / "mask" / "valA_000.png")

    report = examine(tiny_dataset, CONFIG)

    assert [finding.text.split(":")[0] for finding in report.errors] == [
        "train/img/trainA_001.png",
        "val/img/valA_000.png",
        "test/mask/testA_000.png",
    ]
    assert report.exit_code == 1
    assert report.pairs == 20


def test_unpaired_files_and_double_stems_are_errors_in_the_same_pass(tiny_dataset: Path) -> None:
    (tiny_dataset / "train" / "mask" / "trainA_001.png").unlink()
    shutil.copy(tiny_dataset / "val" / "img" / "valA_000.png", tiny_dataset / "val" / "img" / "valA_000.jpg")

    report = examine(tiny_dataset, CONFIG)

    assert "1 image(s) without mask: train/img/trainA_001.png" in texts(report.errors)
    assert "val/img/valA_000.jpg, val/img/valA_000.png have the same stem" in texts(report.errors)
    assert "without mask" not in texts(examine(tiny_dataset, DatasetConfig(allow_unpaired=True)).errors)


def test_a_copy_across_splits_is_an_error_and_within_one_a_warning(tiny_dataset: Path) -> None:
    for kind in ("img", "mask"):
        shutil.copy(tiny_dataset / "train" / kind / "trainA_000.png", tiny_dataset / "test" / kind / "testA_900.png")
        shutil.copy(tiny_dataset / "val" / kind / "valA_000.png", tiny_dataset / "val" / kind / "valA_900.png")

    report = examine(tiny_dataset, CONFIG)

    (across,) = report.errors
    assert across.files == ("train/img/trainA_000.png = test/img/testA_900.png",)
    within = next(finding for finding in report.warnings if "more than once in a split" in finding.text)
    assert within.files == ("val/img/valA_000.png = val/img/valA_900.png",)


def test_a_split_without_class_is_an_error_and_a_single_mask_a_note(tiny_dataset: Path) -> None:
    for path in (tiny_dataset / "val" / "mask").iterdir():
        Image.new("L", (16, 16), 255).save(path)
    Image.new("L", (16, 16)).save(tiny_dataset / "train" / "mask" / "trainA_000.png")

    report = examine(tiny_dataset, CONFIG)

    assert texts(report.errors) == "val: all pixels of all masks are class; check the mask files"
    assert "1 mask(s) without any pixel of the class" in texts(report.notes)
    assert "4 mask(s) without any pixel of background" in texts(report.notes)


def test_a_rare_class_is_told(tiny_dataset: Path) -> None:
    for path in (tiny_dataset / "train" / "mask").iterdir():
        mask = np.zeros((16, 16), np.uint8)
        mask[0, :8] = 255
        Image.fromarray(mask).save(path)

    assert "train: only 3.1% of the pixels are class" in texts(examine(tiny_dataset, CONFIG).warnings)


def test_rotated_images_are_told(tiny_dataset: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tiny_dataset / "train" / "img" / "trainA_000.png"
    Image.open(path).save(path, exif=exif)

    assert "1 image(s) carry an EXIF rotation" in texts(examine(tiny_dataset, CONFIG).warnings)


def test_a_dataset_whose_splits_cannot_be_made_still_gets_a_report(write_pairs: Callable[..., Path]) -> None:
    root = write_pairs("flat", ["a_1"], images="images", masks="masks")

    report = examine(root, CONFIG)

    assert "1 image(s) with masks cannot be split" in texts(report.errors)
    assert report.rows == ()


def test_no_dataset_at_all_is_an_exception(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected train/img and train/mask"):
        examine(tmp_path, CONFIG)


def test_progress_counts_to_the_end(tiny_dataset: Path) -> None:
    calls: list[tuple[int, int]] = []

    examine(tiny_dataset, CONFIG, progress=lambda done, total: calls.append((done, total)))

    assert calls[0] == (1, 20)
    assert calls[-1] == (20, 20)


def test_the_report_is_json(tiny_dataset: Path) -> None:
    (tiny_dataset / "train" / "img" / ".DS_Store").touch()
    report = examine(tiny_dataset, CONFIG)

    read_back = json.loads(json.dumps(report.to_dict(), allow_nan=False))

    assert read_back["pairs"] == 20
    assert read_back["ignored"] == {"hidden": 1}
    assert read_back["rows"][0]["group"] == "trainA"


@pytest.fixture(scope="module")
def camvid_report() -> DoctorReport:
    root = Path(__file__).resolve().parents[3] / "shared" / "data" / "camvid_road_160x120"
    if not root.is_dir():
        pytest.skip("../shared/data/camvid_road_160x120 is absent (its licence keeps it out of the project)")
    return examine(root, CONFIG)


def test_the_real_images_show_which_drives_are_new(camvid_report: DoctorReport) -> None:
    near = {(row.split, row.group): row.near_copies for row in camvid_report.rows if row.split != "train"}

    assert camvid_report.exit_code == 0
    assert near["val", "0016E5"] > 0.7
    assert near["test", "0001TP"] > 0.7
    assert near["test", "Seq05VD"] < 0.2
    assert "val 0016E5 80%, test 0001TP 85% of the images" in texts(camvid_report.warnings)


def test_the_real_images_have_the_class_shares_of_their_readme(camvid_report: DoctorReport) -> None:
    shares = {row.split: row.positive_share for row in camvid_report.rows if row.group is None}
    assert shares == pytest.approx({"train": 0.3166, "val": 0.2896, "test": 0.2582}, abs=1e-4)


def test_frames_beside_training_frames_are_called_near_copies(
    make_tiny_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_tiny_dataset(tmp_path / "near", train=60, val=6, test=4)
    for number, path in enumerate(sorted((root / "val" / "img").iterdir())):
        pixels = np.asarray(Image.open(root / "train" / "img" / f"trainA_{number:03d}.png"))
        Image.fromarray(np.clip(pixels.astype(int) + 3, 0, 255).astype(np.uint8)).save(path)

    report = examine(root, CONFIG)

    assert "nearer to a training image than training groups are to each other: val valA 100%" in texts(report.warnings)
    assert "test" not in texts(report.warnings)
    val = next(row for row in report.rows if row.group == "valA")
    assert val.nearest_train == pytest.approx(3, abs=0.1)
