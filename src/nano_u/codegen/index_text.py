"""C expressions for the pixel of a stored tensor that an operator reads."""

from __future__ import annotations

from nano_u.codegen.axis import NOWHERE, Indices, affine_form
from nano_u.codegen.constants import Constants


def linear(variable: str, times: int, plus: int, *more: str) -> str:
    """`times * variable + plus + more` as C."""
    if times != 1:
        variable = f"({times} * {variable})" if plus or more else f"{times} * {variable}"
    text = variable
    for name in more:
        text = f"{text} + {name}"
    if plus == 0:
        return text
    return f"{text} {'+' if plus > 0 else '-'} {abs(plus)}"


def pixel_index(
    variable: str, times: int, start: int, span: range, shown: Indices, constants: Constants, table: str, *more: str
) -> str:
    """C of the pixel shown at position `times * variable + start + more`, or -1 where that is nowhere.

    `shown` maps positions to pixels. `span` holds the lowest and the highest position that occur, which tells whether
    the sides need a check.
    """
    known = [position for position, pixel in enumerate(shown) if pixel != NOWHERE]
    if not known:
        return "-1"
    before, inner = known[0], shown[known[0] : known[-1] + 1]
    position = linear(variable, times, start - before, *more)
    is_inside = span.start >= before and span.stop - 1 <= known[-1]
    form = affine_form(inner)
    if form is None:
        constants.array(table, "int16_t", inner)
        return f"inside_listed({position}, {len(inner)}, {table})"
    if form == (1, 0, 1):
        return position if is_inside else f"inside({position}, {len(inner)})"
    factors = ", ".join(map(str, form))
    return f"inside_scaled({position}, {len(inner)}, {factors})"
