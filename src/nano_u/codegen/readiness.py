"""C of the question whether a stage can compute its next row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nano_u.codegen.axis import affine_form
from nano_u.codegen.constants import Constants
from nano_u.codegen.identifiers import part_of
from nano_u.codegen.index_text import linear
from nano_u.codegen.layout import Layout
from nano_u.codegen.schedule import Need, needs_of
from nano_u.codegen.stage import Stage


def readiness(layout: Layout, stage: Stage, constants: Constants) -> str:
    """C that is true where rows are left and the rows that the next one reads are there."""
    row = f"s->rows_{layout.identifiers[stage.output]}"
    terms = [f"({row} < {stage.rows})"]
    for number, need in enumerate(needs_of(stage)):
        if need.count[-1] > 0:
            table = f"needed_{part_of(layout.identifiers[stage.output], number)}"
            terms.append(f"({rows_there(layout, need.tensor)} >= {rows_needed(row, need, constants, table)})")
    return " && ".join(terms)


def rows_there(layout: Layout, tensor: str) -> str:
    """C of the number of whole rows of a stored tensor."""
    counter = f"s->rows_{layout.identifiers[tensor]}"
    stage = layout.stage_of.get(tensor)
    times = 1 if stage is None else stage.rows_per_output
    return counter if times == 1 else f"({counter} / {times})"


def rows_needed(row: str, need: Need, constants: Constants, table: str) -> str:
    """C of how many rows the computation of `row` needs: a clamped formula, or a table where there is none."""
    counts, most = need.count, need.count[-1]
    if counts[0] == most:
        return str(most)
    form = _clamped_form(counts)
    if form is None:
        return f"{constants.array(table, 'uint16_t', counts)}[{row}]"
    times, plus, by = form
    text = linear(row, times, plus)
    return f"smaller({text if by == 1 else f'({text}) / {by}'}, {most})"


def _clamped_form(counts: Sequence[int]) -> tuple[int, int, int] | None:
    most = counts[-1]
    reached = counts.index(most)
    positions = np.arange(len(counts))
    for end in (reached + 1, reached):
        form = affine_form(counts[:end])
        if form is None:
            continue
        times, plus, by = form
        if np.array_equal(np.minimum((positions * times + plus) // by, most), counts):
            return form
    return None
