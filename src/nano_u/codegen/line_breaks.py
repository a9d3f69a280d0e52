"""Long lines of C broken where a reader would break them, and lists of values filled into lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 112
"""Characters of a line."""

BREAKS = (" && ", ", ")
"""After which a line may end, the first that occurs is taken."""

INDENT = " " * 4


def filled(values: Iterable[object]) -> str:
    """The values of a C table, a comma behind each, as many to an indented line as fit."""
    lines, line = [], ""
    for text in (f"{value}," for value in values):
        if line and len(line) + 1 + len(text) > LONGEST:
            lines.append(line)
            line = ""
        line = f"{line} {text}" if line else INDENT + text
    return "".join(f"{text}\n" for text in [*lines, line])


def broken(code: str) -> str:
    """The code with statements longer than a line continued on the next, indented by four more."""
    return "".join(_broken_line(line) for line in code.splitlines(keepends=True))


def _broken_line(line: str) -> str:
    if len(line) <= LONGEST + 1:
        return line
    indent = re.match(r" *", line)
    assert indent is not None
    further = indent.group() + INDENT
    done, rest = "", line
    while len(rest) > LONGEST + 1:
        end = _last_break(rest, len(further))
        if end is None:
            break
        done += rest[:end].rstrip() + "\n"
        rest = further + rest[end:]
    return done + rest


def _last_break(line: str, start: int) -> int | None:
    for text in BREAKS:
        position = line.rfind(text, start, LONGEST)
        if position > 0:
            return position + len(text)
    return None
