"""What a file's name tells: the key that pairs it, its place in a sequence, its group."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from nano_u.errors import DataError

UNGROUPED = "ungrouped"


def composed(name: str) -> str:
    """The name in Unicode NFC: macOS writes `é` as two code points, most others as one."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """The name without differences of case and Unicode form."""
    return composed(composed(name).casefold())


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sorts `img_2` before `img_10`; the name itself breaks ties such as `1` and `01`."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def group_of(name: str, pattern: str) -> str:
    """The group (video, place, session) that a name belongs to: the pattern's part called `group`.

    `ungrouped` where the pattern does not match. `dataset.group_pattern` is checked when it is configured.
    """
    match = re.search(pattern, name)
    return (match["group"] if match else None) or UNGROUPED


def require_utf8(path: Path) -> None:
    """Refuse a name that is not UTF-8: it could be neither written to a report nor given to TensorFlow."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
        raise DataError(f"{shown}: the name is not UTF-8; rename it") from error


def shortened(names: list[str], limit: int = 20) -> str:
    """`a, b, c and 7 more`: a list that fits on one line of an error message."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
