"""The ranges that redundancy and correlation are read against, each with its name."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.config import ThresholdsConfig


@dataclass(frozen=True)
class Band:
    """A range of a value in [0, 1], the word for it, and how much it asks for attention: 0 none, 3 most."""

    name: str
    low: float
    high: float
    concern: int


def redundancy_bands(thresholds: ThresholdsConfig) -> tuple[Band, ...]:
    """Excellent, good, moderate and high redundancy; empty ones are left out."""
    return _bands(
        ("excellent", "good", "moderate", "high"),
        (thresholds.low_redundancy, thresholds.moderate_redundancy, thresholds.high_redundancy),
        (0, 1, 2, 3),
    )


def correlation_zones(thresholds: ThresholdsConfig) -> tuple[Band, ...]:
    """Diverse, moderate and high mean correlation; empty ones are left out."""
    return _bands(
        ("diverse", "moderate", "high"),
        (thresholds.low_correlation, thresholds.very_high_correlation),
        (0, 2, 3),
    )


def band_of(value: float, bands: tuple[Band, ...]) -> Band:
    """The band of a value in [0, 1]; a value on a line belongs to the lower one, so that only "above" is worse."""
    return next((band for band in bands if value <= band.high), bands[-1])


def _bands(names: tuple[str, ...], lines: tuple[float, ...], concerns: tuple[int, ...]) -> tuple[Band, ...]:
    edges = (0.0, *lines, 1.0)
    bands = zip(names, edges[:-1], edges[1:], concerns, strict=True)
    return tuple(Band(name, low, high, concern) for name, low, high, concern in bands if low < high)
