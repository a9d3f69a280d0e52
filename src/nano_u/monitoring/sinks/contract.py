"""What a callback needs of the place that its records go to."""

from __future__ import annotations

from typing import Protocol

from nano_u.monitoring.record import StepRecord


class Sink(Protocol):
    """Takes the record of every logged step. An OSError from any method means that nothing more can be kept."""

    def write(self, record: StepRecord) -> None:
        """Keep one step."""

    def flush(self) -> None:
        """Put everything kept so far where a reader sees it."""

    def close(self) -> None:
        """Flush and let go; a second call does nothing."""
