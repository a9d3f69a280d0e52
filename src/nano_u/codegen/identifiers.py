"""Names of layers and models as C identifiers and as text in C comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nano_u.errors import DeployError

LONGEST = 48
"""Characters of a layer's name that its identifiers keep: C99 tells 63 apart, and prefixes need some."""

# fmt: off
HEADERS = frozenset((
    "arm_acle", "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes",
    "iso646", "limits", "locale", "math", "setjmp", "signal", "stdarg", "stdbool",
    "stddef", "stdint", "stdio", "stdlib", "string", "tgmath", "time", "wchar",
    "wctype",
))
# fmt: on
"""Files of the compiler's own, which a model's header must not hide."""


def model_identifier(name: str) -> str:
    """`name` in lower case as a prefix of C identifiers; raises DeployError where nothing of it can be one."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST]
    if not plain:
        raise DeployError(f"{name!r} cannot name C files; use letters, digits and underscores")
    return plain if plain[0].isalpha() and plain not in HEADERS else f"net_{plain}"


def layer_identifiers(names: Iterable[str]) -> Mapping[str, str]:
    """A distinct ending of C identifiers for every layer; what stands before it makes it an identifier."""
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:LONGEST] or "layer"
        candidate, number = plain, 2
        while candidate in taken:
            candidate, number = f"{plain}_{number}", number + 1
        taken.add(candidate)
        chosen[name] = candidate
    return chosen


def comment_text(name: str) -> str:
    """`name` without characters that could end a comment or change how C reads it."""
    return re.sub(r"[^A-Za-z0-9_.,:; -]", "_", name)
