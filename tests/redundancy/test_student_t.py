from __future__ import annotations

import math

import numpy as np
import pytest

from nano_u.redundancy.student_t import student_t_95


def mass_within(limit: float, freedom: int) -> float:
    """Probability between -limit and limit, by Simpson's rule."""
    points = np.linspace(0, limit, 20001)
    log_constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    density = np.exp(log_constant - (freedom + 1) / 2 * np.log1p(points**2 / freedom))
    weights = np.ones(20001)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return float(2 * weights @ density * points[1] / 3)


@pytest.mark.parametrize("freedom", [*range(1, 41), 60, 200, 10_000])
def test_95_percent_lie_within_the_quantile(freedom: int) -> None:
    assert mass_within(student_t_95(freedom), freedom) == pytest.approx(0.95, abs=1e-5)


def test_no_degree_of_freedom_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive, got 0"):
        student_t_95(0)
