"""Where a monitor's files lie and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import ConfigError
from nano_u.runs.file_label import file_label

_METRICS = "_metrics"
_NUMBERED = re.compile(r"(?P<name>.+)-(?P<number>[2-9]|[1-9][0-9]+)")


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
        if csv_path is None:
            label = file_label(model_name, otherwise="model")
            return cls._named(Path(log_dir) / f"{label}_nas{_METRICS}.csv", f"{label}_nas", Path(log_dir))
        metrics = Path(csv_path)
        paths = cls._named(metrics, metrics.stem, Path(log_dir))
        if metrics == paths.json_lines:
            raise ConfigError(f"csv_path: {csv_path} would be the JSON Lines file too; give a name that ends in .csv")
        return paths

    @classmethod
    def beside(cls, metrics: Path) -> MonitorPaths:
        """The names that belong to an existing metrics file, whoever chose its name.

        Some names can be read in more than one way: `a-2.csv` is the second `a.csv`, or was called so by a user. The
        reading that finds most files wins.
        """
        return max(cls._readings(metrics), key=lambda paths: sum(path.exists() for path in paths.files()))

    @classmethod
    def _readings(cls, metrics: Path) -> Iterator[MonitorPaths]:
        """Every set of names in which `metrics` is the metrics file, the likelier first."""
        names = [(metrics.stem, 1)]
        if match := _NUMBERED.fullmatch(metrics.stem):
            names.insert(0, (match["name"], int(match["number"])))
        for name, number in names:
            first = metrics.with_name(f"{name}{metrics.suffix}")
            if name.endswith(f"_nas{_METRICS}"):
                yield cls._named(first, name.removesuffix(_METRICS), metrics.parent).numbered(number)
            yield cls._named(first, name, metrics.parent).numbered(number)

    @classmethod
    def _named(cls, metrics: Path, stem: str, log_dir: Path) -> MonitorPaths:
        return cls(
            metrics=metrics,
            layers=metrics.with_name(f"{stem}_layers.csv"),
            json_lines=metrics.with_name(f"{stem}.jsonl"),
            correlations=metrics.with_name(f"{stem}_correlations.npz"),
            run=metrics.with_name(f"{stem}_run.json"),
            tensorboard=log_dir / "tensorboard" / stem,
        )

    @property
    def number(self) -> int:
        """The number in these names, 1 without one."""
        match = re.fullmatch(r".*_layers-([0-9]+)", self.layers.stem)
        return int(match[1]) if match else 1

    @property
    def series(self) -> str:
        """What numbered sets of names share: the metrics file's name without number and suffix."""
        stem = self.metrics.stem
        return stem if self.number == 1 else stem.removesuffix(f"-{self.number}")

    @property
    def graph(self) -> Path:
        """The architecture record, which runs of one network share."""
        return self.metrics.with_name("graph.json")

    @property
    def own_graph(self) -> Path:
        """The architecture record where another network's has the name `graph`."""
        return self.metrics.with_name(f"{self.metrics.stem.removesuffix(_METRICS)}_graph.json")

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
