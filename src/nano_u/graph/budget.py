"""What a network may cost, and by how much one exceeds it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nano_u.errors import ConfigError
from nano_u.graph.chips import Chip
from nano_u.graph.cost import CostSummary

COSTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ram": ("arena_estimate_bytes", "bytes"),
        "flash": ("flash_estimate_bytes", "bytes"),
        "macs": ("macs", ""),
        "params": ("parameters", ""),
        "instructions": ("instructions_estimate", ""),
    }
)
"""What can be limited: the field of `CostSummary` and its unit."""

_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*)", re.IGNORECASE)
_BYTES = {"": 1, "b": 1, "kb": 1024, "kib": 1024, "mb": 1024**2, "mib": 1024**2}
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Budget:
    """Upper limits by name: `ram` and `flash` in bytes, `macs`, `params` and `instructions` as counts."""

    limits: Mapping[str, int]

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Limits from `ram=64KB,flash=32KB,macs=2M,params=5000,instructions=20M`; KB is 1,024 bytes, M is a million.

        Raises ConfigError for another name, a name twice, and what is no positive number.
        """
        limits: dict[str, int] = {}
        for part in text.split(","):
            name, _, value = (piece.strip() for piece in part.partition("="))
            name = name.lower()
            if name not in COSTS:
                raise ConfigError(f"budget: unknown limit {name!r}; known: {', '.join(COSTS)} (ram=64KB,macs=2M)")
            if name in limits:
                raise ConfigError(f"budget: {name} is given twice")
            limits[name] = _amount(name, value)
        return cls(MappingProxyType(limits))

    @classmethod
    def of_chip(cls, chip: Chip) -> Budget:
        """The RAM in one piece and the flash of a chip."""
        return cls(MappingProxyType({"ram": chip.arena_bytes, "flash": chip.flash_bytes}))

    def stricter(self, other: Budget) -> Budget:
        """The lower of both limits for everything that either limits."""
        both = (*self.limits.items(), *other.limits.items())
        return Budget(MappingProxyType({name: min(v for n, v in both if n == name) for name, _ in both}))

    def exceeded(self, cost: CostSummary) -> tuple[str, ...]:
        """Names of what costs more than its limit."""
        return tuple(name for name, limit in self.limits.items() if cost_of(cost, name) > limit)

    def explain(self, cost: CostSummary) -> str:
        """`ram 197,416 of 65,536 bytes, macs ...` for every limit that is exceeded; empty where none is."""
        return ", ".join(
            f"{name} {cost_of(cost, name):,} of {self.limits[name]:,} {COSTS[name][1]}".rstrip()
            for name in self.exceeded(cost)
        )


def cost_of(cost: CostSummary, name: str) -> int:
    """One of `COSTS`."""
    value: int = getattr(cost, COSTS[name][0])
    return value


def _amount(name: str, text: str) -> int:
    found = _NUMBER.fullmatch(text)
    units = _BYTES if COSTS[name][1] else _COUNTS
    factor = None if found is None else units.get(found["unit"].lower())
    amount = 0.0 if found is None or factor is None else float(found["number"]) * factor
    if not 1 <= amount < math.inf:
        example = "64KB" if COSTS[name][1] else "2M"
        raise ConfigError(f"budget: {name}={text} is no positive amount; write it as {name}={example}")
    return int(amount)
