from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.redundancy import GROUPS, GroupMoments, group_of_image
from nano_u.redundancy.moments import moments_of


def activations(
    seed: int, images: int = 30, samples: int = 12, channels: int = 5, mean_over_std: float = 0.0
) -> np.ndarray:
    """float32 `(images, samples, channels)` with correlated channels of scales 1e-2 to 1e2."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((channels, channels))
    values = random.standard_normal((images, samples, channels)) @ mixing
    values += random.standard_normal((images, 1, channels))
    values = (values / values.std(axis=(0, 1)) + mean_over_std) * np.logspace(-2, 2, channels)
    return values.astype(np.float32)


def assert_same_moments(actual: GroupMoments, expected: GroupMoments) -> None:
    assert np.array_equal(actual.counts, expected.counts)
    assert actual.images == expected.images
    assert actual.means == pytest.approx(expected.means, rel=1e-12, abs=1e-12)
    scale = np.sqrt(np.einsum("gii->gi", expected.scatters))
    difference = np.abs(actual.scatters - expected.scatters)
    assert (difference <= 1e-11 * (scale[:, :, None] * scale[:, None, :]) + 1e-20).all()


@pytest.mark.parametrize(("mean_over_std", "gate"), [(0, 1e-6), (10, 1e-6), (1000, 1e-5)])
@pytest.mark.parametrize("images", [3, 30])
def test_covariance_is_that_of_the_same_float32_inputs(mean_over_std: float, gate: float, images: int) -> None:
    x = activations(1, images, mean_over_std=mean_over_std)
    flat = x.reshape(-1, x.shape[-1]).astype(np.longdouble)
    centred = flat - flat.mean(axis=0)
    expected = (centred.T @ centred / len(flat)).astype(np.float64)

    total = GroupMoments.from_samples(x, group_of_image(np.arange(images), images)).total()

    std = np.sqrt(np.diagonal(expected))
    assert total.count == len(flat)
    assert total.mean == pytest.approx(flat.mean(axis=0).astype(np.float64), rel=1e-12)
    # Far inside the gate: it leaves room for activations that a float32 graph multiplied.
    assert (np.abs(total.covariance - expected) <= 1e-3 * gate * np.outer(std, std)).all()


def test_groups_hold_the_moments_of_their_own_images() -> None:
    x = activations(2, images=7)
    ids = np.array([0, 3, 3, 1, 0, 3, 1])

    moments = GroupMoments.from_samples(x, ids, groups=4)

    for group in range(4):
        own = x[ids == group].reshape(-1, 5).astype(np.float64)
        assert moments.counts[group] == len(own)
        if len(own):
            assert moments.means[group] == pytest.approx(own.mean(axis=0))
            expected = np.cov(own, rowvar=False, bias=True) * len(own)
            assert moments.scatters[group] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert not moments.means[2].any()
    assert not moments.scatters[2].any()


@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 30), max_size=5))
def test_merging_chunks_equals_one_pass(seed: int, cuts: list[int]) -> None:
    x = activations(seed, mean_over_std=100)
    ids = group_of_image(np.arange(30), 30)
    edges = [0, *sorted(cuts), 30]

    merged = GroupMoments.empty(5)
    for start, stop in itertools.pairwise(edges):
        merged = merged.merge(GroupMoments.from_samples(x[start:stop], ids[start:stop]))

    assert_same_moments(merged, GroupMoments.from_samples(x, ids))


def test_merging_is_symmetric_and_changes_neither_state() -> None:
    x = activations(3)
    ids = group_of_image(np.arange(30), 30)
    left, right = GroupMoments.from_samples(x[:11], ids[:11]), GroupMoments.from_samples(x[11:], ids[11:])
    before = left.means.copy()

    assert_same_moments(left.merge(right), right.merge(left))
    assert np.array_equal(left.means, before)


def test_the_state_survives_saving() -> None:
    moments = GroupMoments.from_samples(activations(4), group_of_image(np.arange(30), 30))

    loaded = GroupMoments.from_arrays(moments.to_arrays())

    assert np.array_equal(loaded.scatters, moments.scatters)
    assert np.array_equal(loaded.means, moments.means)
    assert np.array_equal(loaded.counts, moments.counts)
    assert loaded.images == 30


def test_nothing_seen_has_zero_moments() -> None:
    total = GroupMoments.empty(3).total()

    assert total.count == 0
    assert not total.covariance.any()


def test_values_that_are_not_finite_go_through_without_a_warning() -> None:
    x = np.ones((4, 2, 3))
    x[1, 0, 0], x[2, 1, 1] = np.nan, np.inf

    total = GroupMoments.from_samples(x, [0, 1, 2, 3]).merge(GroupMoments.from_samples(x, [0, 1, 2, 3])).total()

    assert np.isfinite(total.mean).tolist() == [False, False, True]


def test_the_mean_of_one_group_keeps_its_last_digits() -> None:
    x = np.full((1000, 1), 0.1) + np.array([[1e-9], [-1e-9]] * 500)

    moments = moments_of(x)

    assert moments.covariance[0, 0] == pytest.approx(1e-18, rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "ids", "text"),
    [((4, 3), [0] * 4, "images, samples, channels"), ((4, 2, 3), [0, 1], "4 numbers"), ((1, 2, 3), [20], "0 to 19")],
    ids=["rank", "count", "range"],
)
def test_samples_that_do_not_fit_are_refused(shape: tuple[int, ...], ids: list[int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        GroupMoments.from_samples(np.zeros(shape), ids)


def test_states_of_different_layers_are_not_merged() -> None:
    with pytest.raises(ValueError, match="merge only states of one layer"):
        GroupMoments.empty(3).merge(GroupMoments.empty(4))


def test_arrays_that_are_no_state_are_refused() -> None:
    arrays = GroupMoments.empty(3).to_arrays() | {"means": np.zeros((20, 4))}

    with pytest.raises(ValueError, match="not a state"):
        GroupMoments.from_arrays(arrays)


@given(capacity=st.integers(1, 500))
def test_groups_are_contiguous_equal_blocks_of_images(capacity: int) -> None:
    ids = group_of_image(np.arange(capacity), capacity)
    sizes = np.bincount(ids, minlength=GROUPS)

    assert (np.diff(ids) >= 0).all()
    assert ids[0] == 0
    assert np.count_nonzero(sizes) == min(capacity, GROUPS)
    assert sizes[sizes > 0].max() - sizes[sizes > 0].min() <= 1
    assert group_of_image(10 * capacity, capacity) == ids[-1]


def test_a_capacity_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be positive, got 0"):
        group_of_image(0, 0)
