from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.monitoring.stream_moments import measure_stream, side_by_side
from nano_u.redundancy import GROUPS, GroupMoments, group_of_image

CHANNELS = 3


class ArrayProbe:
    """Stands for a model: the batches, `(batch, samples, channels)`, are the activations themselves."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def measure(self, batches: Iterable[np.ndarray], images: int) -> tuple[tuple[str, GroupMoments], ...]:
        state, seen = GroupMoments.empty(CHANNELS), 0
        for batch in batches:
            self.batch_sizes.append(len(batch))
            ids = group_of_image(seen + np.arange(len(batch)), images)
            state = state.merge(GroupMoments.from_samples(batch, ids))
            seen += len(batch)
        assert seen <= images
        return (("layer", state),)


def batches_of(x: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    yield from np.split(x, np.cumsum(sizes)[:-1])


def images(count: int) -> np.ndarray:
    """Image number n has n in its first channel, so that a group's mean tells which images it holds."""
    x = np.random.default_rng(count).normal(size=(count, 5, CHANNELS))
    x[..., 0] = np.arange(count)[:, None]
    return x


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_a_stream_has_the_moments_of_one_pass_in_blocks_of_neighbours(sizes: list[int]) -> None:
    x = images(sum(sizes))

    ((_, state),) = measure_stream(ArrayProbe(), batches_of(x, sizes))

    total, expected = state.total(), GroupMoments.from_samples(x, np.zeros(len(x), int)).total()
    assert (state.images, total.count) == (len(x), expected.count)
    assert total.mean == pytest.approx(expected.mean, abs=1e-9)
    assert total.scatter == pytest.approx(expected.scatter, rel=1e-9, abs=1e-6)
    filled = state.counts > 0
    assert (np.diff(state.means[filled, 0]) > 0).all()
    if len(x) >= 2 * max(sizes[0], GROUPS):
        assert filled.sum() > GROUPS // 2


@pytest.mark.parametrize(("batch", "count"), [(1, 20), (1, 40), (4, 160), (16, 16 * 2 * 8), (32, 32), (7, 21 * 4)])
def test_groups_are_of_equal_size_when_the_length_doubles_out(batch: int, count: int) -> None:
    ((_, state),) = measure_stream(ArrayProbe(), batches_of(images(count), [batch] * (count // batch)))

    sizes = state.counts / 5
    assert len(sizes) == GROUPS
    assert sizes.max() - sizes.min() <= max(1, -(-count // GROUPS) // 2)


def test_batches_of_one_size_are_never_cut() -> None:
    probe = ArrayProbe()

    measure_stream(probe, batches_of(images(16 * 9 + 5), [16] * 9 + [5]))

    assert probe.batch_sizes == [16] * 9 + [5]


def test_empty_batches_and_an_empty_stream_are_no_images() -> None:
    nothing = np.empty((0, 5, CHANNELS))
    x = images(4)

    ((_, state),) = measure_stream(ArrayProbe(), iter([nothing, x[:2], nothing, x[2:], nothing]))
    ((_, empty),) = measure_stream(ArrayProbe(), iter([]))

    assert (state.images, empty.images) == (4, 0)


def test_past_and_recent_lie_side_by_side() -> None:
    x = images(40)
    past, recent = (GroupMoments.from_samples(part, np.arange(GROUPS)) for part in (x[:20], x[20:]))

    both = side_by_side(past, recent)

    expected = GroupMoments.from_samples(x, np.arange(40) // 2)
    assert both.images == 40
    assert np.array_equal(both.counts, expected.counts)
    assert both.means == pytest.approx(expected.means)
    assert both.scatters == pytest.approx(expected.scatters)
