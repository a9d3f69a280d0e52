"""Steps with their layers as JSON Lines: one object per logged step."""

from __future__ import annotations

import json
from pathlib import Path

from nano_u.monitoring.sinks.append_file import AppendFile
from nano_u.monitoring.sinks.rows import StepRows


class JsonLinesFile:
    """`{"epoch", "step", "model": {...}, "layers": [{...}]}` per line, strict JSON, null for None."""

    def __init__(self, path: Path) -> None:
        self._file = AppendFile(path)

    def write(self, rows: StepRows) -> None:
        """Append the step's line."""
        step = {"epoch": rows.epoch, "step": rows.step, "model": rows.model, "layers": rows.layers}
        self._file.write(json.dumps(step, allow_nan=False, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Nothing is ever held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()
