from __future__ import annotations

from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from nano_u.config import AugmentationConfig
from nano_u.data.pipeline import batch_indices, evaluation_batches, steps_per_epoch, training_batches
from nano_u.errors import DataError

COUNT, BATCH = 10, 4
STEPS = steps_per_epoch(COUNT, BATCH)


def numbered_images(count: int = COUNT) -> SimpleNamespace:
    """Image i is uniformly i, so that a batch tells which images it holds."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3))
    masks = (np.arange(count) % 2).astype(np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    return SimpleNamespace(images=images.copy(), masks=masks)


def textured_images(count: int = COUNT) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return SimpleNamespace(images=images, masks=(images[..., :1] > 127).astype(np.uint8))


def batches(data: SimpleNamespace, count: int, **options: object) -> list[tuple[np.ndarray, np.ndarray]]:
    arguments = {"batch_size": BATCH, "seed": 5, "augmentation": AugmentationConfig(), **options}
    return [(x.numpy(), y.numpy()) for x, y in islice(training_batches(data, **arguments), count)]


def test_every_epoch_visits_each_image_once_in_another_order() -> None:
    seen = batches(numbered_images(), 2 * STEPS, augmentation=None)

    orders = [
        np.concatenate([np.round(x[:, 0, 0, 0] * 255) for x, _ in seen[epoch * STEPS : (epoch + 1) * STEPS]]).tolist()
        for epoch in range(2)
    ]

    assert sorted(orders[0]) == sorted(orders[1]) == list(range(COUNT))
    assert orders[0] != orders[1]


def test_batch_indices_tell_what_the_batches_hold() -> None:
    seen = batches(numbered_images(), 2 * STEPS, augmentation=None)

    for position, (x, _) in enumerate(seen):
        expected = batch_indices(COUNT, batch_size=BATCH, seed=5, epoch=1 + position // STEPS, batch=position % STEPS)
        assert np.round(x[:, 0, 0, 0] * 255).tolist() == expected.tolist()


@pytest.mark.parametrize(("epoch", "batch"), [(1, 0), (1, 2), (2, 1), (4, 2)])
def test_jumping_in_yields_the_batches_of_an_uninterrupted_run(epoch: int, batch: int) -> None:
    data = textured_images()
    uninterrupted = batches(data, 5 * STEPS)[(epoch - 1) * STEPS + batch :]

    jumped = batches(data, 3, first_epoch=epoch, first_batch=batch)

    for (x, y), (expected_x, expected_y) in zip(jumped, uninterrupted, strict=False):
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(y, expected_y)


def test_augmentation_of_an_image_does_not_depend_on_the_batch_size() -> None:
    data = textured_images()

    small, large = batches(data, COUNT, batch_size=1), batches(data, 1, batch_size=COUNT)

    np.testing.assert_allclose(np.concatenate([x for x, _ in small]), large[0][0], atol=1e-6)


def test_another_seed_draws_other_batches() -> None:
    data = textured_images()

    assert not np.array_equal(batches(data, 1)[0][0], batches(data, 1, seed=6)[0][0])


def test_evaluation_keeps_the_order_and_scales_to_one() -> None:
    data = textured_images()

    x = np.concatenate([x for x, _ in evaluation_batches(data, batch_size=3)])

    np.testing.assert_allclose(x, data.images / 255.0, atol=1e-7)


def test_float_arrays_are_taken_as_they_are() -> None:
    images = np.full((2, 8, 8, 3), 0.5, np.float32)

    x, _ = next(iter(training_batches((images, np.zeros((2, 8, 8, 1), np.uint8)), batch_size=2, seed=0)))

    np.testing.assert_array_equal(x, images)


def test_no_images_and_no_batch_size_are_refused() -> None:
    with pytest.raises(DataError, match="no training images"):
        training_batches(numbered_images(0), batch_size=2, seed=0)
    with pytest.raises(DataError, match="batch_size must be at least 1, got 0"):
        training_batches(numbered_images(2), batch_size=0, seed=0)
