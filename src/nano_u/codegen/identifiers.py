"""Names of layers and models as C identifiers and as text in C comments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping

from nano_u.codegen.system_headers import SYSTEM_HEADERS
from nano_u.errors import DeployError

LONGEST = 48
"""Characters of a name that its identifiers keep: C99 tells 63 apart, and prefixes need some."""

DIGEST = 7
"""Characters that tell names apart which begin with the same ones."""

OWN_WORDS = frozenset(
    (
        "columns",
        "convolution",
        "down",
        "filters",
        "needed",
        "padding",
        "right",
        "rows",
        "stage",
        "sum",
        "table",
        "weights",
    )
)
"""Words that the generated file's own names begin with."""


def model_identifier(name: str) -> str:
    """`name` in lower case as a prefix of C identifiers; raises DeployError where nothing of it can be one."""
    plain = _cut(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"))
    if not plain:
        raise DeployError(f"{name!r} cannot name C files; use letters, digits and underscores")
    is_free = plain[0].isalpha() and plain not in SYSTEM_HEADERS and plain.partition("_")[0] not in OWN_WORDS
    return plain if is_free else f"net_{plain}"


def layer_identifiers(names: Iterable[str]) -> Mapping[str, str]:
    """A distinct ending of C identifiers for every layer; what stands before it makes it an identifier.

    None holds two underscores in a row, so that what follows two of them, as in `part_of`, is told apart from it.
    """
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = _cut(re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")) or "layer"
        candidate, number = plain, 2
        while candidate in taken:
            candidate, number = f"{plain}_{number}", number + 1
        taken.add(candidate)
        chosen[name] = candidate
    return chosen


def part_of(layer: str, part: str | int) -> str:
    """The identifier of one of several things that belong to a layer: no layer has it, and no other layer's part."""
    return f"{layer}__{part}"


def comment_text(name: str) -> str:
    """`name` without characters that could end a comment or change how C reads it."""
    return re.sub(r"[^A-Za-z0-9_.,:; -]", "_", name)


def _cut(plain: str) -> str:
    """At most LONGEST characters, the last ones a digest of what was cut off."""
    if len(plain) <= LONGEST:
        return plain
    digest = hashlib.sha256(plain.encode()).hexdigest()[:DIGEST]
    return f"{plain[: LONGEST - DIGEST - 1].rstrip('_')}_{digest}"
