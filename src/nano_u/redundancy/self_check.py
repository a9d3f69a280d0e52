"""Does the mathematics give on this machine what it must give on paper?"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nano_u.errors import NanoUError
from nano_u.redundancy.measure import measure_layer
from nano_u.redundancy.moments import GroupMoments, group_of_image
from nano_u.redundancy.spectrum import population_redundancy_score, summarise_spectrum

_LOGGER = logging.getLogger(__name__)

TOLERANCE = 1e-6
CHANNELS = 16

Score = Callable[[npt.NDArray[np.float64]], float | None]


class Law(NamedTuple):
    """What must hold, what was computed and what had to come out."""

    name: str
    computed: float | None
    expected: float

    @property
    def holds(self) -> bool:
        """Whether both agree to `TOLERANCE`."""
        return self.computed is not None and abs(self.computed - self.expected) <= TOLERANCE


def validate_nas_computation(raise_on_failure: bool = False) -> bool:
    """Whether the redundancy numbers obey their closed-form laws here; the first one that fails is logged.

    Raises:
        NanoUError: a law fails and `raise_on_failure` is set.
    """
    return report_laws([*score_laws(), *moment_laws()], raise_on_failure=raise_on_failure)


def report_laws(laws: Iterable[Law], *, raise_on_failure: bool) -> bool:
    """Whether all `laws` hold; the first that does not is logged, or raised."""
    broken = next((law for law in laws if not law.holds), None)
    if broken is None:
        return True
    text = (
        f"redundancy self-check failed: {broken.name}: got {broken.computed}, expected {broken.expected:.6g}; "
        "reinstall numpy"
    )
    if raise_on_failure:
        raise NanoUError(text)
    _LOGGER.error(text)
    return False


def score_laws(score: Score = population_redundancy_score) -> Iterator[Law]:
    """Scores of exact covariances."""
    independent = np.eye(CHANNELS)
    yield Law("independent channels score 0", score(independent), 0.0)
    yield Law("channels that repeat one score 1", score(np.ones((CHANNELS, CHANNELS))), 1.0)
    half = np.tile(np.eye(CHANNELS // 2), (2, 2))
    yield Law("half of the channels copy the others", score(half), 1 - (CHANNELS / 2 - 1) / (CHANNELS - 1))
    dead = independent.copy()
    dead[0, 0] = 0
    yield Law("a dead channel counts as redundant", score(dead), 1 / (CHANNELS - 1))

    equal = 0.5 * independent + 0.5
    large, small = (1 + 0.5 * (CHANNELS - 1)) / CHANNELS, 0.5 / CHANNELS
    effective_rank = math.exp(-large * math.log(large) - (CHANNELS - 1) * small * math.log(small))
    expected = 1 - (effective_rank - 1) / (CHANNELS - 1)
    yield Law("equal correlation 0.5", score(equal), expected)
    scales = np.logspace(-3, 3, CHANNELS)
    yield Law("scales of channels do not matter", score(equal * np.outer(scales, scales)), expected)
    duplicated = 1 - (effective_rank - 1) / (2 * CHANNELS - 1)
    yield Law("every channel duplicated", score(np.tile(equal, (2, 2))), duplicated)


def moment_laws() -> Iterator[Law]:
    """Covariances of samples, and what follows from them."""
    samples = np.random.default_rng(0).standard_normal((40, 32, 4)) + 1000
    samples[..., 3] = samples[..., 0]
    groups = group_of_image(np.arange(40), 40)
    once = GroupMoments.from_samples(samples, groups)
    merged = GroupMoments.from_samples(samples[:13], groups[:13]).merge(
        GroupMoments.from_samples(samples[13:], groups[13:])
    )
    exact = np.cov(samples.reshape(-1, 4), rowvar=False, bias=True)
    yield Law("covariance of samples", float(np.abs(once.total().covariance - exact).max()), 0.0)
    yield Law("merging equals one pass", float(np.abs(once.total().covariance - merged.total().covariance).max()), 0.0)
    record = measure_layer(once, layer="self-check", mode="inference", linear_input=True)
    yield Law("a copied channel can be removed", record.removable, 0.25)
    yield Law("rank does not count a copy", record.rank, 3.0)
    spectrum = summarise_spectrum(np.diag([4.0, 2.0, 1.0, 1.0]), 1e-6)
    yield Law("condition number of a diagonal covariance", spectrum.condition_number, 4.0)
    yield Law("dominance of a diagonal covariance", spectrum.dominance, 0.5)
