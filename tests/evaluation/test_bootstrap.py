from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.evaluation import Interval, default_block_length
from nano_u.evaluation.bootstrap import Totals, block_bootstrap, bootstrap_interval


def ratio(totals: Totals) -> Totals:
    with np.errstate(invalid="ignore"):
        return totals[..., 0] / totals[..., 1]


def interval_of(frames: np.ndarray, block_length: int, resamples: int = 1000) -> Interval | None:
    estimate = float(frames[:, 0].sum() / frames[:, 1].sum())
    bootstrap = block_bootstrap(
        frames, block_length=block_length, resamples=resamples, generator=np.random.default_rng(0)
    )
    return bootstrap_interval(ratio, estimate, bootstrap)


@pytest.mark.parametrize("block_length", [1, 2, 3, 5, 7])
def test_totals_equal_those_of_frames_picked_one_by_one(block_length: int) -> None:
    frames = np.random.default_rng(1).integers(0, 50, size=(7, 3))
    blocks = -(-7 // block_length)
    starts = np.random.default_rng(2).integers(7 - block_length + 1, size=(40, blocks))
    picked = [[start + step for start in row for step in range(block_length)][:7] for row in starts]

    bootstrap = block_bootstrap(frames, block_length=block_length, resamples=40, generator=np.random.default_rng(2))

    assert np.array_equal(bootstrap.samples, frames[np.array(picked)].sum(axis=1))


def test_blocks_of_one_frame_are_the_bootstrap_of_independent_frames() -> None:
    frames = np.random.default_rng(3).integers(0, 50, size=(12, 2))
    independent = np.random.default_rng(4).integers(12, size=(30, 12))

    bootstrap = block_bootstrap(frames, block_length=1, resamples=30, generator=np.random.default_rng(4))

    assert np.array_equal(bootstrap.samples, frames[independent].sum(axis=1))
    assert bootstrap.expected == pytest.approx(frames.sum(axis=0))


def test_the_expectation_is_the_mean_over_every_possible_resample() -> None:
    frames = np.array([[1, 5], [7, 9], [2, 3], [8, 8], [0, 4]])
    every = [
        frames[[*range(first, first + 3), *range(second, second + 2)]].sum(axis=0)
        for first, second in itertools.product(range(3), repeat=2)
    ]

    bootstrap = block_bootstrap(frames, block_length=3, resamples=1, generator=np.random.default_rng(0))

    assert bootstrap.expected == pytest.approx(np.mean(every, axis=0))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), min_size=2, max_size=20), st.integers(1, 10))
def test_the_interval_contains_the_estimate(pairs: list[tuple[int, int]], block_length: int) -> None:
    frames = np.array([[hits, hits + rest] for hits, rest in pairs])

    interval = interval_of(frames, block_length, resamples=300)

    assert interval is not None
    estimate = frames[:, 0].sum() / frames[:, 1].sum()
    assert interval.low - 0.02 <= estimate <= interval.high + 0.02


def test_frames_at_the_ends_count_although_blocks_draw_them_less() -> None:
    hits = np.array([100, 80, 0, 5, 0, 3, 0, 7, 90, 100])

    interval = interval_of(np.stack([hits, np.full(10, 100)], axis=1), block_length=5)

    assert interval is not None
    assert interval.low < hits.sum() / 1000 < interval.high
    assert (interval.low + interval.high) / 2 == pytest.approx(hits.sum() / 1000, abs=0.03)


def test_equal_frames_leave_no_uncertainty() -> None:
    interval = interval_of(np.tile([3, 4], (20, 1)), block_length=5)

    assert interval == Interval(0.75, 0.75)


def test_near_copies_widen_the_interval_only_when_resampled_in_blocks() -> None:
    scenes = np.random.default_rng(5).integers(1, 100, size=12)
    frames = np.stack([np.repeat(scenes, 10), np.full(120, 100)], axis=1)

    alone, in_blocks = interval_of(frames, 1), interval_of(frames, 10)

    assert alone is not None
    assert in_blocks is not None
    assert in_blocks.high - in_blocks.low > 2 * (alone.high - alone.low)


def test_independent_frames_give_the_textbook_interval() -> None:
    shares = np.random.default_rng(6).normal(500, 100, size=400).astype(int)
    frames = np.stack([shares, np.full(400, 1000)], axis=1)
    expected = 2 * 1.96 * shares.std() / 1000 / np.sqrt(400)

    interval = interval_of(frames, 1, resamples=4000)

    assert interval is not None
    assert interval.high - interval.low == pytest.approx(expected, rel=0.06)


def test_totals_of_two_strata_add() -> None:
    frames = np.arange(12).reshape(6, 2)
    parts = [
        block_bootstrap(half, block_length=2, resamples=5, generator=np.random.default_rng(seed))
        for seed, half in enumerate((frames[:3], frames[3:]))
    ]

    both = parts[0] + parts[1]

    assert np.array_equal(both.samples, parts[0].samples + parts[1].samples)
    assert both.expected == pytest.approx(parts[0].expected + parts[1].expected)


def test_memory_is_bounded_without_changing_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(8).integers(0, 9, size=(30, 2))
    whole = block_bootstrap(frames, block_length=4, resamples=50, generator=np.random.default_rng(0))

    monkeypatch.setattr("nano_u.evaluation.bootstrap._CELLS_AT_ONCE", 100)
    parts = block_bootstrap(frames, block_length=4, resamples=50, generator=np.random.default_rng(0))

    assert parts.samples.shape == (50, 2)
    assert parts.samples.mean(axis=0) == pytest.approx(whole.samples.mean(axis=0), rel=0.1)


def test_an_undefined_estimate_or_mostly_undefined_resamples_have_no_interval() -> None:
    frames = np.zeros((30, 2), int)
    nothing = block_bootstrap(frames, block_length=2, resamples=50, generator=np.random.default_rng(0))
    frames[4] = [1, 2]
    rarely = block_bootstrap(frames, block_length=15, resamples=50, generator=np.random.default_rng(0))

    assert bootstrap_interval(ratio, None, nothing) is None
    assert bootstrap_interval(ratio, 0.5, nothing) is None
    assert bootstrap_interval(ratio, 0.5, rarely) is None


@pytest.mark.parametrize(("frames", "length"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 3), (10, 4), (62, 8), (171, 14)])
def test_the_default_block_is_about_the_square_root_and_never_over_half(frames: int, length: int) -> None:
    assert default_block_length(frames) == length
