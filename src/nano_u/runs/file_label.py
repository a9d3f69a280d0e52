"""A name that may hold anything, as a part of a file's name."""

from __future__ import annotations

import re


def file_label(name: str, *, otherwise: str) -> str:
    """The name with everything but letters, digits, `_`, `-` and `.` as one `-`; `otherwise` where nothing is left."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or otherwise
