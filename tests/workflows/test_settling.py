from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.data import ImageSet
from nano_u.models import load_model
from nano_u.workflows.settling import settle

RNG = np.random.default_rng(0)
DARK, BRIGHT = 50, 200


def two_drives(images: int = 128) -> ImageSet:
    """A dark drive without the class, and behind it a bright one of nothing else; each longer than a batch."""
    level = np.repeat([DARK, BRIGHT], images // 2)[:, np.newaxis, np.newaxis, np.newaxis]
    pixels = (level + RNG.integers(-9, 10, (images, 4, 4, 1))).astype(np.uint8)
    masks = (pixels > (DARK + BRIGHT) / 2).astype(np.uint8)
    names = tuple(f"{index:03}" for index in range(images))
    groups = tuple("dark" if value == DARK else "bright" for value in level.ravel())
    return ImageSet(np.repeat(pixels, 3, axis=3), masks, names, groups)


def threshold_at(mean: float, variance: float) -> keras.Model:
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.BatchNormalization()(image[..., :1]))
    model.layers[-1].set_weights([np.ones(1), np.zeros(1), np.array([mean]), np.array([variance])])
    return model


def test_batches_are_mixed_so_that_settled_statistics_do_not_seem_to_lag(tmp_path: Path) -> None:
    data = two_drives()
    values = data.images / 255

    check = settle(threshold_at(values.mean(), values.var()), tmp_path / "best.keras", data)

    assert check is not None
    assert (check.training_iou, check.inference_iou, check.reestimated_iou) == (1.0, 1.0, None)
    assert not (tmp_path / "best.keras").exists()


def test_replaced_statistics_hold_the_variance_between_drives(tmp_path: Path) -> None:
    data = two_drives()
    values = data.images / 255

    check = settle(threshold_at(0.9, 1.0), tmp_path / "best.keras", data)

    assert check is not None
    assert check.reestimated
    _, _, mean, variance = load_model(tmp_path / "best.keras").get_weights()
    assert mean[0] == pytest.approx(values.mean(), rel=1e-5)
    assert variance[0] == pytest.approx(values.var(), rel=0.02)  # batches are not all of equally many
