"""Order of frames within a recording, from their names."""

from __future__ import annotations

from collections.abc import Sequence

from nano_u.data.names import natural_key


def natural_order(names: Sequence[str]) -> list[int]:
    """Positions of `names` in natural order; equal keys (`f_1`, `f_01`) by the name itself."""
    return sorted(range(len(names)), key=lambda index: natural_key(names[index]))
