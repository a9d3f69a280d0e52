from __future__ import annotations

import pytest

from nano_u.reporting.trend import ENDS, SMALLEST_CHANGE, Trend, trend

NOISE = (0.4, 0.6, 0.5, 0.6, 0.4)
"""Mean 0.5, variance 0.01."""


@pytest.mark.parametrize("count", [0, 1, 9])
def test_nine_steps_are_too_short(count: int) -> None:
    assert trend([0.1 * step for step in range(count)]) == Trend("too short to tell")


def test_a_constant_is_stable_without_any_doubt() -> None:
    assert trend([0.5] * 10) == Trend("stable", 0.0, 0.0, 0.0)


@pytest.mark.parametrize("step", [0.1, -0.1, 0.01, 3 / 7000, 0.013])
def test_a_ramp_changes_by_five_steps_give_or_take_student_times_one(step: float) -> None:
    """Each end has the variance 2.5 step^2, so the difference has step^2, and eight degrees of freedom."""
    found = trend([0.5 + step * index for index in range(10)])

    assert found.change == pytest.approx(5 * step)
    assert found.low == pytest.approx(5 * step - 2.306 * abs(step))
    assert found.high == pytest.approx(5 * step + 2.306 * abs(step))


@pytest.mark.parametrize("multiple", range(1, 60))
def test_rounding_costs_no_degree_of_freedom(multiple: int) -> None:
    step = multiple / 7000

    found = trend([step * index for index in range(10)])

    assert found.high is not None
    assert found.low is not None
    assert (found.high - found.low) / (2 * step) == pytest.approx(2.306)


@pytest.mark.parametrize(("step", "word"), [(0.1, "rising"), (-0.1, "falling"), (0.003, "stable"), (-0.003, "stable")])
def test_the_word_is_that_of_the_sign_and_below_the_smallest_change_stable(step: float, word: str) -> None:
    assert trend([0.5 + step * index for index in range(10)]).word == word


@pytest.mark.parametrize(("change", "word"), [(0.0199, "stable"), (0.0201, "rising"), (-0.0201, "falling")])
def test_a_certain_change_counts_from_the_smallest_on(change: float, word: str) -> None:
    assert SMALLEST_CHANGE == 0.02

    assert trend([0.5] * 5 + [0.5 + change] * 5).word == word


def test_unequal_scatter_takes_the_degrees_of_freedom_of_welch() -> None:
    """A quiet end adds nothing: four degrees of freedom are left, and the standard error is that of the other end."""
    found = trend([0.2] * 5 + list(NOISE))

    half = 2.7764 * (0.01 / 5) ** 0.5
    assert found.word == "rising"
    assert found.change == pytest.approx(0.3)
    assert (found.low, found.high) == (pytest.approx(0.3 - half), pytest.approx(0.3 + half))


@pytest.mark.parametrize("word", ["stable", "rising"])
def test_a_change_inside_its_own_scatter_is_stable(word: str) -> None:
    half = 2.306 * (0.02 / 5) ** 0.5  # of the difference of two such ends
    change = half + (0.001 if word == "rising" else -0.001)

    found = trend([*NOISE, *(value + change for value in NOISE)])

    assert found.word == word
    assert found.low is not None
    assert (found.low > 0) == (word == "rising")


def test_only_the_ends_count() -> None:
    ends = [0.1, 0.2, 0.1, 0.2, 0.1], [0.7, 0.6, 0.7, 0.6, 0.7]

    assert trend([*ends[0], *([0.99] * 7), *ends[1]]) == trend([*ends[0], *ends[1]])


def test_undefined_steps_are_skipped() -> None:
    ramp = [0.1 * index for index in range(10)]
    with_gaps = [None, *ramp[:4], None, None, *ramp[4:], None]

    assert trend(with_gaps) == trend(ramp)
    assert trend([*ramp[:9], None, None]).word == "too short to tell"
    assert trend([None] * 30).word == "too short to tell"


def test_the_other_way_round_it_is_the_opposite() -> None:
    values = [0.31, 0.3, 0.35, 0.33, 0.4, 0.5, 0.44, 0.61, 0.6, 0.58, 0.66]

    there, back = trend(values), trend(values[::-1])

    assert (there.word, back.word) == ("rising", "falling")
    assert there.change is not None
    assert there.low is not None
    assert back.change == pytest.approx(-there.change)
    assert back.high == pytest.approx(-there.low)


def test_a_trend_reads_as_a_sentence() -> None:
    assert str(Trend("rising", 0.0834, 0.0512, 0.1149)) == "rising (+0.083, 95% interval +0.051 to +0.115)"
    assert str(Trend("too short to tell")) == "too short to tell"


def test_five_steps_make_an_end() -> None:
    assert ENDS == 5
