"""What `doctor` found in a dataset, as records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing to know: errors stop training, warnings make its numbers doubtful, notes explain."""

    level: Level
    text: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupRow:
    """One group of one split, or a whole split where `group` is None; shares are of pixels, in [0, 1].

    `nearest_train` is the median distance to the nearest training image (for training groups: of another training
    group), in gray levels of 255; `near_copies` the share of images nearer to a training image than training groups
    lie to each other. Both are None where nothing is there to compare with.
    """

    split: str
    group: str | None
    images: int
    sizes: tuple[str, ...]
    positive_share: float | None
    least_positive_share: float | None
    most_positive_share: float | None
    masks_without_class: int
    masks_without_background: int
    nearest_train: float | None
    near_copies: float | None


@dataclass(frozen=True)
class DoctorReport:
    """Everything one pass over a dataset found; `examples` are its first pairs, `encodings` counts mask encodings."""

    root: str
    layout: str
    pairs: int
    examples: tuple[tuple[str, str], ...]
    rows: tuple[GroupRow, ...]
    encodings: Mapping[str, int]
    ignored: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop training."""
        return self._of("error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that make numbers doubtful."""
        return self._of("warning")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Findings that only explain."""
        return self._of("note")

    @property
    def exit_code(self) -> int:
        """1 where there are errors, else 0."""
        return 1 if self.errors else 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {"format": 1, **dataclasses.asdict(self)}

    def _of(self, level: Level) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == level)
