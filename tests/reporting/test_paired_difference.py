from __future__ import annotations

import dataclasses
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.reporting.paired_difference import PairedDifference, paired_differences

SIX = {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4, 5: 0.5, 6: 0.6}
SCORES = st.dictionaries(st.integers(0, 9), st.floats(0, 1), min_size=1, max_size=8)


def moved(by: dict[int, float]) -> dict[int, float]:
    return {seed: SIX[seed] + step for seed, step in by.items()}


def test_the_interval_is_students_over_the_pairs() -> None:
    """Differences -1, -2 and -3: mean -2, standard deviation 1, t of two degrees of freedom 4.3027."""
    best, other = {1: 5.0, 2: 5.0, 3: 5.0}, {1: 4.0, 2: 3.0, 3: 2.0}

    (difference,) = paired_differences({"other": other, "best": best})

    margin = 4.3027 / 3**0.5
    assert dataclasses.astuple(difference) == (
        "best",
        "other",
        3,
        -2.0,
        pytest.approx(-2 - margin),
        pytest.approx(-2 + margin),
        -3.0,
        -1.0,
    )


def test_only_seeds_that_both_have_are_paired() -> None:
    values = {"best": {1: 0.9, 2: 0.8, 7: 0.9}, "some": {2: 0.7, 1: 0.5, 3: 0.0}, "none": {8: 0.1}, "empty": {}}

    differences = paired_differences(values)

    assert [(row.other, row.pairs, row.mean) for row in differences] == [("some", 2, pytest.approx(-0.25))]
    assert (differences[0].smallest, differences[0].largest) == (pytest.approx(-0.4), pytest.approx(-0.1))
    assert differences[0].high == pytest.approx(-0.25 + 12.7062 * 0.15)


def test_one_pair_has_a_difference_but_no_interval() -> None:
    (difference,) = paired_differences({"a": {3: 0.5}, "b": {3: 0.25}})

    assert (difference.mean, difference.low, difference.high) == (-0.25, None, None)
    assert difference.verdict == "too few for a test"


@pytest.mark.parametrize("values", [{}, {"a": {1: 0.5}}, {"a": {}, "b": {}}])
def test_fewer_than_two_experiments_give_nothing(values: dict[str, dict[int, float]]) -> None:
    assert paired_differences(values) == ()


@pytest.mark.parametrize(
    ("pairs", "low", "high", "verdict"),
    [
        (5, 0.1, 0.2, "too few for a test"),
        (6, 0.1, 0.2, "better"),
        (6, -0.2, -0.1, "worse"),
        (6, -0.1, 0.1, "not shown"),
        (6, 0.0, 0.1, "not shown"),
        (6, -0.1, 0.0, "not shown"),
        (9, 0.1, 0.1, "better"),
    ],
)
def test_the_verdict_needs_six_pairs_and_an_interval_without_zero(
    pairs: int, low: float, high: float, verdict: str
) -> None:
    difference = PairedDifference("a", "b", pairs, (low + high) / 2, low, high, low, high)

    assert difference.verdict == verdict


def test_equal_experiments_are_not_shown_to_differ_and_a_steady_loss_is() -> None:
    equal, worse = paired_differences({"best": SIX, "equal": dict(SIX), "worse": moved(dict.fromkeys(SIX, -0.01))})

    assert (equal.mean, equal.low, equal.high, equal.verdict) == (0, 0, 0, "not shown")
    assert worse.verdict == "worse"


def test_over_the_seeds_in_common_the_best_on_average_may_be_the_lesser() -> None:
    best = dict.fromkeys(range(6), 0.1) | {9: 0.99, 10: 0.99}
    other = {seed: 0.2 + 0.001 * seed for seed in range(6)}

    (difference,) = paired_differences({"best": best, "other": other})

    assert (difference.baseline, difference.verdict) == ("best", "better")


@given(SCORES, SCORES)
def test_the_interval_holds_the_mean_and_the_mean_lies_between_the_extremes(
    first: dict[int, float], second: dict[int, float]
) -> None:
    for row in paired_differences({"a": first, "b": second}):
        shared = sorted(first.keys() & second.keys())
        lost = [first[seed] - second[seed] for seed in shared]
        sign = -1 if row.baseline == "a" else 1
        assert row.mean == pytest.approx(sign * statistics.mean(lost))
        assert row.smallest - 1e-12 <= row.mean <= row.largest + 1e-12
        if row.low is not None and row.high is not None:
            assert row.mean - row.low == pytest.approx(row.high - row.mean)
            assert row.low <= row.mean <= row.high
