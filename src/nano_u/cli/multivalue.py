"""Options that take several values the way a shell user types them: `--filters 4 8 16`, `--compare *.csv`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from nano_u.errors import ConfigError

_NEGATIVE_NUMBER = re.compile(r"-\.?\d")


def expand_multivalue(arguments: Sequence[str], options: Collection[str]) -> list[str]:
    """Repeat each option of `options` before every value that follows it, up to the next option or `--`.

    `["--filters", "4", "8"]` becomes `["--filters", "4", "--filters", "8"]`. `--filters=4` takes that one value, a
    negative number is a value, and `--` right after the values ends them without being passed on.
    """
    expanded: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            return [*expanded, argument, *rest]
        if argument not in options:
            expanded.append(argument)
            continue
        if not rest or not _is_value(rest[0]):
            raise ConfigError(f"{argument}: needs at least one value")
        while rest and _is_value(rest[0]):
            expanded += [argument, rest.pop(0)]
    return expanded


def _is_value(argument: str) -> bool:
    return not argument.startswith("-") or argument == "-" or _NEGATIVE_NUMBER.match(argument) is not None
