from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy import GroupMoments, group_of_image, measure_layer

RELU_THRESHOLDS = {"linear": -np.inf, "relu": 0.0, "sparse relu": 1.5}


def effective(x: np.ndarray) -> float:
    moments = GroupMoments.from_samples(x, group_of_image(np.arange(len(x)), len(x)))
    record = measure_layer(moments, layer="layer", mode="inference", linear_input=True)
    assert record.effective_samples is not None
    return record.effective_samples


def mixed(kind: str, values: np.ndarray) -> np.ndarray:
    """White noise `(..., channels)` into the channels of a named correlation."""
    channels = values.shape[-1]
    if kind == "half copies":
        return np.concatenate([values[..., : channels // 2]] * 2, axis=-1)
    if kind == "equal correlation":
        return np.sqrt(0.5) * values + np.sqrt(0.5) * values[..., :1] * np.where(np.arange(channels) > 0, 1, 0)
    return values


def rectified(values: np.ndarray, threshold: float) -> np.ndarray:
    return values if np.isinf(threshold) else np.maximum(values - threshold, 0)


@pytest.mark.parametrize("threshold", RELU_THRESHOLDS.values(), ids=RELU_THRESHOLDS)
@pytest.mark.parametrize("copies", [1, 16])
def test_independent_channels_have_as_many_samples_as_there_are_different_values(threshold: float, copies: int) -> None:
    values = np.random.default_rng(0).standard_normal((300, 1, 16))

    samples = effective(np.repeat(rectified(values, threshold), copies, axis=1))

    assert samples == pytest.approx(300, rel=0.2 if copies == 1 else 0.35)


@pytest.mark.parametrize("kind", ["white", "half copies", "equal correlation"])
@pytest.mark.parametrize("copies", [1, 16])
def test_images_of_one_value_count_once_whatever_the_correlation(kind: str, copies: int) -> None:
    found = [
        effective(np.repeat(mixed(kind, np.random.default_rng(seed).standard_normal((200, 1, 16))), copies, axis=1))
        for seed in range(6)
    ]

    assert np.mean(found) == pytest.approx(200, rel=0.1)
    assert max(found) < 280


def test_smooth_images_count_as_many_samples_as_they_have_patches() -> None:
    patches = np.random.default_rng(1).standard_normal((100, 4, 4, 8))
    smooth = np.repeat(np.repeat(patches, 8, axis=1), 8, axis=2).reshape(100, -1, 8)

    assert effective(smooth) == pytest.approx(1600, rel=0.15)


def test_frames_that_repeat_count_once_when_they_share_a_group() -> None:
    scenes = np.random.default_rng(2).standard_normal((20, 5, 8))

    assert effective(np.repeat(scenes, 10, axis=0)) == pytest.approx(100, rel=0.2)


def test_never_more_than_the_samples() -> None:
    balanced = np.tile(np.random.default_rng(3).standard_normal((1, 50, 4)), (40, 1, 1))  # all groups alike

    assert effective(balanced) == 2000


@pytest.mark.parametrize("images", [1, 3])
def test_without_groups_to_compare_each_image_is_one_sample(images: int) -> None:
    x = np.random.default_rng(4).standard_normal((images, 100, 4))
    moments = GroupMoments.from_samples(x, [0] * images)

    record = measure_layer(moments, layer="layer", mode="inference", linear_input=True)

    assert record.effective_samples == images
    assert record.score_low is None
    assert record.score_high is None
    assert record.redundancy_score is not None


@pytest.mark.parametrize("channels", [1, 4], ids=["one live channel", "all repeat one"])
def test_without_free_correlations_the_variances_are_compared(channels: int) -> None:
    values = np.random.default_rng(5).standard_normal((400, 1, 1))
    x = np.concatenate([np.zeros((400, 1, 1)), np.tile(values, (1, 1, channels))], axis=-1)

    assert effective(np.repeat(x, 9, axis=1)) == pytest.approx(400, rel=0.5)
