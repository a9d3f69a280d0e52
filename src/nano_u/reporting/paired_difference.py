"""How much better or worse an experiment is than another, told from the seeds that both were run with."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nano_u.redundancy.student_t import student_t_95

FEWEST_PAIRS_TO_TEST = 6
"""Five differences of one sign come up by chance with probability 2 * 0.5**5 = 0.0625, six with 0.031: below six the
sign test, which assumes nothing about the differences, cannot reach p < 0.05. The t interval can, but only because it
takes the differences to be normally distributed, which so few values cannot show."""

Verdict = Literal["better", "worse", "not shown", "too few for a test"]


@dataclass(frozen=True)
class PairedDifference:
    """`other` minus `baseline` over the seeds that both have; `low` to `high` is a 95 % interval of the mean.

    The interval is Student's (1908): the spread of the differences is known from few of them only, and the normal
    distribution's factor 1.96 would be too small. One pair has none.
    """

    baseline: str
    other: str
    pairs: int
    mean: float
    low: float | None
    high: float | None
    smallest: float
    largest: float

    @property
    def verdict(self) -> Verdict:
        """Whether `other` is better or worse: by an interval without 0, and from six pairs on."""
        if self.pairs < FEWEST_PAIRS_TO_TEST or self.low is None or self.high is None:
            return "too few for a test"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not shown"


def paired_differences(values: Mapping[str, Mapping[int, float]]) -> tuple[PairedDifference, ...]:
    """The experiment of the highest mean against each other one that shares seeds with it, in the order given.

    `values` holds a value per seed for each experiment; one without values is passed over.
    """
    measured = {name: by_seed for name, by_seed in values.items() if by_seed}
    if not measured:
        return ()
    best = max(measured, key=lambda name: statistics.fmean(measured[name].values()))
    pairs = {
        name: [by_seed[seed] - measured[best][seed] for seed in by_seed if seed in measured[best]]
        for name, by_seed in measured.items()
        if name != best
    }
    return tuple(_difference(best, name, differences) for name, differences in pairs.items() if differences)


def _difference(baseline: str, other: str, differences: list[float]) -> PairedDifference:
    pairs = len(differences)
    mean = statistics.fmean(differences)
    low = high = None
    if pairs > 1:
        margin = student_t_95(pairs - 1) * statistics.stdev(differences) / pairs**0.5
        low, high = mean - margin, mean + margin
    return PairedDifference(baseline, other, pairs, mean, low, high, min(differences), max(differences))
