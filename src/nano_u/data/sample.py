"""One image and its mask on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """An image file, its mask file, the stem they share and the group (video, place, session) they belong to."""

    name: str
    image: Path
    mask: Path
    group: str
