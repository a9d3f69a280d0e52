from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.redundancy import select_channels
from nano_u.redundancy.selection import RESIDUAL_LIMIT, least_residual


def random_correlation(seed: int, channels: int = 8, noise: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(seed)
    samples = random.standard_normal((300, 3)) @ random.standard_normal((3, channels))
    return np.corrcoef(samples + noise * random.standard_normal((300, channels)), rowvar=False)


def residuals_of_least_squares(correlation: np.ndarray, keep: list[int]) -> np.ndarray:
    explained = correlation[:, keep] @ np.linalg.pinv(correlation[np.ix_(keep, keep)], hermitian=True)
    return 1 - np.einsum("ij,ij->i", explained, correlation[:, keep])


def greedy_by_least_squares(correlation: np.ndarray, samples: float) -> list[int]:
    """Slow and obvious: solve the regressions anew for every number of kept channels."""
    keep: list[int] = []
    for kept in range(len(correlation)):
        residuals = residuals_of_least_squares(correlation, keep) if keep else (correlation**2).sum(axis=0)
        residuals[keep] = 0
        if keep and residuals.max() * samples / (samples - kept) <= RESIDUAL_LIMIT:
            return keep
        keep.append(int(residuals.argmax()))
    return keep


@given(seed=st.integers(0, 1000), noise=st.sampled_from([0.05, 0.2, 0.5, 2.0]), samples=st.sampled_from([20.0, 1e6]))
def test_the_choice_is_that_of_repeated_least_squares(seed: int, noise: float, samples: float) -> None:
    correlation = random_correlation(seed, noise=noise)

    selection = select_channels(correlation, effective_samples=samples)

    assert list(selection.keep) == greedy_by_least_squares(correlation, samples)
    expected = residuals_of_least_squares(correlation, list(selection.keep)) * samples / (samples - len(selection.keep))
    expected[list(selection.keep)] = 0
    assert selection.residuals == pytest.approx(expected, abs=1e-9)
    assert selection.residuals.max() <= RESIDUAL_LIMIT


@pytest.mark.parametrize(
    ("correlation", "keep"),
    [
        (np.eye(4), (0, 1, 2, 3)),
        (np.ones((4, 4)), (0,)),
        (np.tile(np.eye(3), (2, 2)), (0, 1, 2)),
        (np.array([[1.0, -1.0], [-1.0, 1.0]]), (0,)),
        (np.eye(1), (0,)),
    ],
    ids=["independent", "all alike", "copies", "opposite sign", "one channel"],
)
@pytest.mark.parametrize("samples", [np.inf, 2.0])
def test_exact_copies_are_dropped_whatever_the_number_of_samples(
    correlation: np.ndarray, keep: tuple[int, ...], samples: float
) -> None:
    assert select_channels(correlation, effective_samples=samples).keep == keep


def test_a_sum_of_two_channels_is_dropped_although_no_pair_repeats() -> None:
    mixing = np.array([[1, 0], [0, 1], [np.sqrt(0.5), np.sqrt(0.5)]])

    selection = select_channels(mixing @ mixing.T)

    assert len(selection.keep) == 2


def test_few_samples_keep_more_channels() -> None:
    correlation = random_correlation(3, channels=12, noise=0.35)

    kept = [len(select_channels(correlation, effective_samples=samples).keep) for samples in (1e6, 16, 8)]

    assert kept == sorted(kept)
    assert kept[0] < kept[-1]


@given(seed=st.integers(0, 1000), noise=st.sampled_from([0.2, 0.5, 2.0]))
def test_nothing_can_be_dropped_where_all_others_leave_too_much(seed: int, noise: float) -> None:
    correlation = random_correlation(seed, noise=noise)
    least = min(
        residuals_of_least_squares(correlation, [*range(channel), *range(channel + 1, 8)])[channel]
        for channel in range(8)
    )

    assert least_residual(*np.linalg.eigh(correlation)) == pytest.approx(least, rel=1e-6)
    assert least <= RESIDUAL_LIMIT or len(select_channels(correlation).keep) == 8


def test_copies_leave_no_residual() -> None:
    assert least_residual(*np.linalg.eigh(np.ones((3, 3)))) == 0
