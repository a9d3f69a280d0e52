"""Where a monitor's files lie and what they are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import ConfigError


@dataclass(frozen=True)
class MonitorPaths:
    """The files of one monitored run; nothing is created or read by asking for a name."""

    metrics: Path
    """One row per logged step."""
    layers: Path
    """One row per logged step and layer."""
    json_lines: Path
    """One line per logged step with both."""
    correlations: Path
    """Histograms of abs(r) per step and layer, and the last correlation matrices."""
    run: Path
    """What was monitored."""
    tensorboard: Path
    """Folder of this run's TensorBoard events: one run in its window."""

    @classmethod
    def of(cls, model_name: str, log_dir: Path | str, csv_path: Path | str | None = None) -> MonitorPaths:
        """Names out of the model's name, in `log_dir`; or out of `csv_path`, the metrics file, with the others beside.

        Raises:
            ConfigError: `csv_path` is what another of the files would be called.
        """
        label = re.sub(r"[^\w.-]+", "-", model_name).strip("-.") or "model"
        metrics = Path(log_dir) / f"{label}_nas_metrics.csv" if csv_path is None else Path(csv_path)
        stem = f"{label}_nas" if csv_path is None else metrics.stem
        json_lines = metrics.with_name(f"{stem}.jsonl")
        if metrics == json_lines:
            raise ConfigError(f"csv_path: {csv_path} would be the JSON Lines file too; give a name that ends in .csv")
        return cls(
            metrics=metrics,
            layers=metrics.with_name(f"{stem}_layers.csv"),
            json_lines=json_lines,
            correlations=metrics.with_name(f"{stem}_correlations.npz"),
            run=metrics.with_name(f"{stem}_run.json"),
            tensorboard=Path(log_dir) / "tensorboard" / stem,
        )

    def numbered(self, number: int) -> MonitorPaths:
        """The same names with `-number` before their suffixes; these names themselves for 1."""
        if number == 1:
            return self
        return MonitorPaths(
            metrics=_numbered(self.metrics, number),
            layers=_numbered(self.layers, number),
            json_lines=_numbered(self.json_lines, number),
            correlations=_numbered(self.correlations, number),
            run=_numbered(self.run, number),
            tensorboard=self.tensorboard.with_name(f"{self.tensorboard.name}-{number}"),
        )

    def files(self) -> tuple[Path, ...]:
        """All but the folder of TensorBoard."""
        return self.metrics, self.layers, self.json_lines, self.correlations, self.run

    def any_exists(self) -> bool:
        """Whether some run has written under these names."""
        return any(path.exists() for path in (*self.files(), self.tensorboard))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
