"""The redundancy score of a sample: without the bias that few samples cause, and with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nano_u.redundancy.spectrum import erank_score
from nano_u.redundancy.student_t import student_t_95


@dataclass(frozen=True)
class Score:
    """Redundancy score in [0, 1] and its 95 % interval; None where there are fewer than two groups to compare."""

    value: float
    low: float | None
    high: float | None


def corrected_entropy(entropy: float, effective_samples: float, channels: int) -> float:
    """Entropy in nats of the population's eigenvalues, from that of a sample, at most ln `channels`.

    The solution H of H = entropy + exp(H) / (2 (N - 1)): to second order the noise of N samples lowers the entropy of m
    equal eigenvalues by m / (2 (N - 1)), and exp(H) is the m that counts when they are not equal.

    The number of eigenvalues above zero for m takes off too much as soon as they differ. Mean error of the score over
    60 draws for 8, 16, 32 channels with that and N in place of N - 1: -0.079, -0.046, -0.021 for equal correlation 0.5
    at N = 4 C (here -0.046, -0.012, +0.008), -0.055, -0.035, -0.033 for geometric eigenvalues (here -0.028, -0.002,
    -0.001), +0.042, +0.024, +0.015 for white noise at N = C (here +0.007, +0.006, +0.003).
    """
    highest = math.log(channels)
    if effective_samples <= 1:
        return highest
    weight = 0.5 / (effective_samples - 1)
    solution = entropy
    for _ in range(50):  # Newton's steps rise towards the solution; without one they pass the highest value
        noise = weight * math.exp(min(solution, highest))
        if noise >= 1 or solution >= highest:
            return highest
        step = (entropy + noise - solution) / (1 - noise)
        solution += step
        if step < 1e-12:
            break
    return min(solution, highest)


def corrected_score(
    entropy: float, entropy_variance: float | None, *, effective_samples: float, live: int, channels: int, groups: int
) -> Score:
    """Score of `channels`, at least two, of which `live` carry the `entropy`; variance by jackknife over `groups`."""
    corrected = corrected_entropy(entropy, effective_samples, live)
    value = erank_score(corrected, channels)
    if entropy_variance is None:
        return Score(value, None, None)
    margin = student_t_95(groups - 1) * math.sqrt(entropy_variance) * math.exp(corrected) / (channels - 1)
    return Score(value, max(0.0, value - margin), min(1.0, value + margin))
