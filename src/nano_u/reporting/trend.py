"""Where a value went over training: its last logged steps against its first."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nano_u.redundancy.student_t import student_t_95

ENDS = 5
"""Logged steps that make each end."""

SMALLEST_CHANGE = 0.02
"""A change of a score below this is stable, however certain it is."""

TrendWord = Literal["rising", "falling", "stable", "too short to tell"]


@dataclass(frozen=True)
class Trend:
    """Mean of the last `ENDS` values minus mean of the first, with its 95 % interval; None where there are too few."""

    word: TrendWord
    change: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """`rising (+0.083, 95% interval +0.051 to +0.115)`."""
        if self.change is None:
            return self.word
        return f"{self.word} ({self.change:+.3f}, 95% interval {self.low:+.3f} to {self.high:+.3f})"


def trend(values: Sequence[float | None]) -> Trend:
    """The trend over the defined ones of `values`; below ten of them it cannot be told.

    The interval is Welch's for a difference of two means, so a change inside its own scatter counts as stable.
    Neighbouring steps resemble each other, which makes it narrow rather than wide: it tells noise from a change, not
    one run from another.
    """
    defined = [value for value in values if value is not None]
    if len(defined) < 2 * ENDS:
        return Trend("too short to tell")
    first, last = defined[:ENDS], defined[-ENDS:]
    change = statistics.fmean(last) - statistics.fmean(first)
    half = _half_width(statistics.variance(first), statistics.variance(last))
    if abs(change) < max(half, SMALLEST_CHANGE):
        word: TrendWord = "stable"
    else:
        word = "rising" if change > 0 else "falling"
    return Trend(word, change, change - half, change + half)


def _half_width(first: float, last: float) -> float:
    """Of the 95 % interval of a difference of two means of `ENDS` values each, given their variances (Welch 1947)."""
    total = first + last
    if total == 0:
        return 0.0
    freedom = (ENDS - 1) * total**2 / (first**2 + last**2)  # whole for equal variances, but for rounding
    return student_t_95(math.floor(freedom + 1e-9)) * math.sqrt(total / ENDS)
