"""Area averages in integers: what the device computes row by row in 32 bits, and `area_average` in floats.

A source pixel is cut into `given` units and a target pixel covers `needed` of them, both the smallest that fit. So
every weight is an integer and the weights of a target pixel add up to `needed`. Means are rounded half up; the float
averages of training round halves to even, so that the two differ by at most 1, and only where the mean is k + 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from nano_u.errors import ConfigError

LARGEST_SUM = 2**32 - 1


@dataclass(frozen=True)
class AreaUnits:
    """One axis: each source pixel gives `given` units, each target pixel needs `needed`."""

    given: int
    needed: int

    @classmethod
    def between(cls, source: int, target: int) -> AreaUnits:
        """Units that bring `source` pixels to `target` pixels."""
        common = gcd(source, target)
        return cls(target // common, source // common)


@dataclass(frozen=True)
class IntegerArea:
    """Brings `source` (height, width) down to `target`; raises ConfigError where that would enlarge or overflow."""

    source: tuple[int, int]
    target: tuple[int, int]

    def __post_init__(self) -> None:
        (height, width), (target_height, target_width) = self.source, self.target
        if min(self.target) < 1:
            raise ConfigError(f"camera: the network's input must have pixels, got {target_width}x{target_height}")
        if target_height > height or target_width > width:
            raise ConfigError(
                f"camera: a picture of {width}x{height} cannot be enlarged to the network's {target_width}x"
                f"{target_height} on the device; use a larger picture or a smaller network input"
            )
        if 255 * self.divisor + self.divisor // 2 > LARGEST_SUM:
            raise ConfigError(
                f"camera: {width}x{height} to {target_width}x{target_height} overflows 32-bit sums; "
                "crop to sides that have larger common factors with the network's"
            )

    @property
    def rows(self) -> AreaUnits:
        """Units along the height."""
        return AreaUnits.between(self.source[0], self.target[0])

    @property
    def columns(self) -> AreaUnits:
        """Units along the width."""
        return AreaUnits.between(self.source[1], self.target[1])

    @property
    def divisor(self) -> int:
        """What the weights of one target pixel add up to."""
        return self.rows.needed * self.columns.needed

    def average(self, values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """uint8 `(height, width, ...)` of the source's size, averaged to the target's, rounded half up."""
        sums = _sums(values.astype(np.int64), self.rows)
        sums = _sums(sums.swapaxes(0, 1), self.columns).swapaxes(0, 1)
        return ((sums + self.divisor // 2) // self.divisor).astype(np.uint8)


def _sums(values: npt.NDArray[np.int64], units: AreaUnits) -> npt.NDArray[np.int64]:
    """Weighted sums along the first axis: differences of the running sum between the edges of the target's pixels."""
    nothing = np.zeros_like(values[:1])
    running = np.concatenate([nothing, np.cumsum(values, axis=0)])
    count = len(values) * units.given // units.needed
    whole, part = np.divmod(np.arange(count + 1) * units.needed, units.given)
    begun = np.concatenate([values, nothing])[whole]
    to_edges = running[whole] * units.given + begun * part.reshape(-1, *[1] * (values.ndim - 1))
    sums: npt.NDArray[np.int64] = to_edges[1:] - to_edges[:-1]
    return sums
