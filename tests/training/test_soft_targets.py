from __future__ import annotations

import errno
import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.errors import ConfigError
from nano_u.models import create_nano_u
from nano_u.training import soft_targets
from nano_u.training.soft_targets import teacher_logits

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), np.uint8)


@pytest.fixture
def teacher() -> keras.Model:
    keras.utils.set_random_seed(1)
    return create_nano_u((8, 8, 3), filters=[2], bottleneck=3, blocks_per_stage=1)


class Counted:
    """A teacher that counts the images it is asked about."""

    def __init__(self, model: keras.Model) -> None:
        self.model, self.images = model, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        self.images += len(x)
        return self.model.predict_on_batch(x)


def test_logits_are_those_of_the_teacher_in_inference_mode_as_float16(teacher: keras.Model) -> None:
    found = teacher_logits(teacher, IMAGES)

    expected = np.asarray(teacher(IMAGES.astype(np.float32) / 255.0, training=False))
    assert (found.shape, found.dtype) == ((70, 8, 8, 1), np.float16)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_floats_in_zero_to_one_are_taken_as_they_are(teacher: keras.Model) -> None:
    np.testing.assert_array_equal(
        teacher_logits(teacher, IMAGES.astype(np.float32) / np.float32(255)), teacher_logits(teacher, IMAGES)
    )


def test_each_image_is_asked_about_once_and_never_again(teacher: keras.Model, tmp_path: Path) -> None:
    counted, steps = Counted(teacher), []

    first = teacher_logits(counted, IMAGES, folder=tmp_path, progress=lambda done, total: steps.append((done, total)))
    again = teacher_logits(counted, IMAGES, folder=tmp_path)

    assert counted.images == len(IMAGES)
    assert steps == [(64, 70), (70, 70)]
    np.testing.assert_array_equal(first, again)


def test_other_weights_or_other_images_are_asked_about_anew(teacher: keras.Model, tmp_path: Path) -> None:
    counted = Counted(teacher)
    teacher_logits(counted, IMAGES, folder=tmp_path)

    changed = IMAGES.copy()
    changed[0, 0, 0, 0] ^= 1
    teacher_logits(counted, changed, folder=tmp_path)
    teacher.set_weights([weight + 0.01 for weight in teacher.get_weights()])
    teacher_logits(counted, IMAGES, folder=tmp_path)

    assert counted.images == 3 * len(IMAGES)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_torn_file_is_made_anew(teacher: keras.Model, tmp_path: Path) -> None:
    counted = Counted(teacher)
    whole = np.array(teacher_logits(counted, IMAGES, folder=tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:200])

    np.testing.assert_array_equal(teacher_logits(counted, IMAGES, folder=tmp_path), whole)
    assert counted.images == 2 * len(IMAGES)


def test_large_logits_are_mapped_from_the_file(
    teacher: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soft_targets, "LARGEST_IN_MEMORY_BYTES", 1000)

    found = teacher_logits(teacher, IMAGES, folder=tmp_path)

    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, teacher_logits(teacher, IMAGES))


def test_where_nothing_can_be_written_they_stay_in_memory_and_it_is_said(
    teacher: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")

    with caplog.at_level(logging.WARNING, "nano_u"):
        found = teacher_logits(teacher, IMAGES, folder=tmp_path / "file" / "soft_targets")

    np.testing.assert_array_equal(found, teacher_logits(teacher, IMAGES))
    assert "cannot be kept" in caplog.text


def test_a_teacher_without_finite_logits_cannot_teach(teacher: keras.Model, tmp_path: Path) -> None:
    teacher.set_weights([np.full_like(weight, np.nan) for weight in teacher.get_weights()])

    with pytest.raises(ConfigError, match="its logits are NaN or infinite; it cannot teach"):
        teacher_logits(teacher, IMAGES, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_logits_in_memory_and_no_file(
    teacher: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(soft_targets.np.lib.format, "write_array_header_2_0", full)

    with caplog.at_level(logging.WARNING, "nano_u"):
        found = teacher_logits(teacher, IMAGES, folder=tmp_path)

    assert "cannot be kept (No space left on device)" in caplog.text
    assert len(found) == len(IMAGES)
    assert list(tmp_path.iterdir()) == []
