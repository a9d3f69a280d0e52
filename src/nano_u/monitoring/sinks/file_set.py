"""Which names a run's files get: no run writes over another's."""

from __future__ import annotations

import logging
import re
import shutil
from itertools import count

from nano_u.runs import MonitorPaths

logger = logging.getLogger(__name__)


def newest_set(paths: MonitorPaths) -> MonitorPaths | None:
    """The files that the last run under these names wrote, None where no run did."""
    numbers = _used_numbers(paths)
    if numbers:
        return paths.numbered(max(numbers))
    return paths if paths.any_exists() else None


def claim_new_set(paths: MonitorPaths) -> MonitorPaths:
    """Free names, with a number where the plain ones are taken; the empty metrics file makes them ours.

    Raises:
        OSError: a folder or the file cannot be made.
    """
    for number in count(max(_used_numbers(paths), default=1)):
        candidate = paths.numbered(number)
        if candidate.any_exists():
            continue
        candidate.metrics.parent.mkdir(parents=True, exist_ok=True)
        try:
            candidate.metrics.touch(exist_ok=False)
        except FileExistsError:  # another process was faster
            continue
        if number > 1:
            logger.warning("%s belongs to another run: writing %s", paths.metrics, candidate.metrics)
        return candidate
    raise AssertionError("unreachable: numbers are endless")


def remove_set(paths: MonitorPaths) -> None:
    """Remove files that were claimed and never used."""
    for path in paths.files():
        path.unlink(missing_ok=True)
    shutil.rmtree(paths.tensorboard, ignore_errors=True)


def _used_numbers(paths: MonitorPaths) -> set[int]:
    """Numbers of the run files, which every run writes; 1 for the name without a number."""
    folder, pattern = paths.run.parent, re.compile(rf"{re.escape(paths.run.stem)}(?:-(\d+))?\.json")
    if not folder.is_dir():
        return set()
    matches = (pattern.fullmatch(entry.name) for entry in folder.iterdir())
    return {int(match[1] or 1) for match in matches if match}
