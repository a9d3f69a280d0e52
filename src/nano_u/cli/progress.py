"""A bar for work whose length is known: reading images, calibrating, comparing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nano_u.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Step = Callable[[str, int, int], None]


@contextmanager
def step_bars() -> Iterator[Step]:
    """Yields a function of (what, done, total) that shows one kind of work after the other, only on a terminal.

    A bar goes away with its work, so that nothing is live when training draws its own line.
    """
    bar = _Bar()
    try:
        yield bar.step
    finally:
        bar.close()


class _Bar:
    def __init__(self) -> None:
        self.console = console.progress()
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        self.what = ""

    def step(self, what: str, done: int, total: int) -> None:
        if not self.console.is_terminal or self.console.quiet:
            return
        if what != self.what or self.progress is None:
            self._open(what, total)
        assert self.progress is not None
        assert self.task is not None
        self.progress.update(self.task, completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _open(self, what: str, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
        self.progress = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
        self.progress.start()
        self.task, self.what = self.progress.add_task(what, total=total), what
