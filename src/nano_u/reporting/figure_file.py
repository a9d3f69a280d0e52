"""Figures to files: the format by the suffix, the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from nano_u.errors import ConfigError
from nano_u.reporting.figure_style import any_script
from nano_u.runs import atomic_path

# Without dates and version strings, so that an unchanged figure is an unchanged file.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save_figure(figure: Figure, path: Path, *, dpi: int = 150) -> Path:
    """Write `figure` as .png, .svg or .pdf, making the folder; returns `path`."""
    suffix = path.suffix.lower()
    if suffix not in _METADATA:
        raise ConfigError(f"{path}: cannot draw a {suffix or 'file without suffix'}; use {', '.join(_METADATA)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "nano-u"}), any_script():
        figure.savefig(temporary, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix])
    return path
