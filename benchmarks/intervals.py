"""Means with their uncertainty, and the machine they were measured on: what several benchmarks print."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nano_u.redundancy.student_t import student_t_95
from nano_u.runs.provenance import usable_cpus


class Estimate(NamedTuple):
    """A mean and its 95 % interval; the bounds are None where a single value tells nothing of its spread."""

    mean: float
    low: float | None
    high: float | None

    def text(self, digits: int, *, sign: bool = False) -> str:
        """`mean [low, high]` with so many decimals."""
        form = f"{'+' if sign else ''}.{digits}f"
        bounds = "" if self.low is None else f" [{self.low:{form}}, {self.high:{form}}]"
        return f"{self.mean:{form}}{bounds}"

    @property
    def verdict(self) -> str:
        """Of a difference: better or worse where the interval leaves out 0."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return "not shown"
        return "better" if self.mean > 0 else "worse"


def t_interval(values: Sequence[float]) -> Estimate:
    """Mean of independent values with Student's t interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Estimate(mean, None, None)
    margin = student_t_95(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(mean, mean - margin, mean + margin)


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Geometric mean of paired ratios; the interval is taken on their logarithms."""
    logs = t_interval([math.log(above / below) for above, below in zip(numerators, denominators, strict=True)])
    return Estimate(*(None if value is None else math.exp(value) for value in logs))


def machine() -> str:
    """Number and kind of processors."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{usable_cpus()} cores of {names[0] if names else platform.processor() or platform.machine()}"
