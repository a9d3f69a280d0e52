"""Order of frames within a recording, from their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key in which numbers inside a name count as numbers: `frame_2` before `frame_10`."""
    parts = _DIGITS.split(name)
    return tuple((0, int(part)) if index % 2 else (1, part) for index, part in enumerate(parts))


def natural_order(names: Sequence[str]) -> list[int]:
    """Positions of `names` in natural order; equal keys (`f_1`, `f_01`) by the name itself."""
    return sorted(range(len(names)), key=lambda index: (natural_key(names[index]), names[index]))
