"""In which order stages run, and how many rows of every tensor that order keeps: found by running it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from nano_u.codegen.stage import Stage

NEVER = 1 << 40
"""A row that no tensor has."""


@dataclass(frozen=True)
class Need:
    """What one stage asks of one stored tensor, per row of the stage's head.

    `count` is how many rows of the tensor must be there; `first` the lowest row that this or a later row still reads,
    with one more entry for the time after the last row.
    """

    tensor: str
    count: tuple[int, ...]
    first: tuple[int, ...]


def needs_of(stage: Stage) -> tuple[Need, ...]:
    """One entry per stored tensor that the stage reads."""
    needs = []
    for tensor, rows in stage.reads.items():
        count = accumulate((max(row) + 1 if row else 0 for row in rows), max)
        lowest = [min(row) if row else NEVER for row in rows]
        first = list(accumulate([NEVER, *reversed(lowest)], min))[::-1]
        needs.append(Need(tensor, tuple(count), tuple(first)))
    return tuple(needs)


def ring_rows(source: str, height: int, stages: Sequence[Stage]) -> Mapping[str, int]:
    """Rows to keep of the input `source`, of `height` rows, and of every stage's output but the last's.

    The schedule: whenever a row of the input has come, the most downstream stage that can run computes one row, until
    none can. As many rows are kept as lie between the lowest that is still read and the one being written, at most.
    """
    run = _Run(stages)
    run.rows_there[source] = 0
    for row in range(height):
        run.note_writing(source, row)
        run.rows_there[source] = row + 1
        while run.run_one():
            pass
    return {source: run.kept[source]} | {stage.output: run.kept[stage.output] for stage in stages[:-1]}


class _Run:
    """The schedule as it goes on."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = stages
        self.needs = [needs_of(stage) for stage in stages]
        self.next_row = [0] * len(stages)
        self.rows_there = {stage.output: 0 for stage in stages}
        self.kept: dict[str, int] = {}
        self.readers: dict[str, list[tuple[int, Need]]] = {}
        for number, needs in enumerate(self.needs):
            for need in needs:
                self.readers.setdefault(need.tensor, []).append((number, need))

    def run_one(self) -> bool:
        """Let the most downstream stage that can compute a row; False where none can."""
        for number in reversed(range(len(self.stages))):
            if self.can_run(number):
                self.compute(number)
                return True
        return False

    def can_run(self, number: int) -> bool:
        row = self.next_row[number]
        return row < self.stages[number].rows and all(
            self.rows_there[need.tensor] >= need.count[row] for need in self.needs[number]
        )

    def compute(self, number: int) -> None:
        stage = self.stages[number]
        self.note_writing(stage.output, self.next_row[number] // stage.rows_per_output)
        self.next_row[number] += 1
        self.rows_there[stage.output] = self.next_row[number] // stage.rows_per_output

    def note_writing(self, tensor: str, row: int) -> None:
        """Whoever reads the tensor has not advanced yet: what it needs now must survive this row."""
        lowest = min((need.first[self.next_row[number]] for number, need in self.readers.get(tensor, [])), default=row)
        self.kept[tensor] = max(self.kept.get(tensor, 1), row - min(lowest, row) + 1)
