"""How often a file that is rewritten whole may be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_REST_PER_SAVE = 50  # saving takes at most 2 % of the time, also on a slow disk or when the file has grown


class SavePace:
    """Due at once, then `seconds` after each save, and later where saves take long. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._next = clock()

    def is_due(self) -> bool:
        """Whether to save now."""
        return self._clock() >= self._next

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around each save, due or not."""
        started = self._clock()
        yield
        ended = self._clock()
        self._next = ended + max(self._seconds, _REST_PER_SAVE * (ended - started))
