"""Everything that a monitor wrote of one run, read back for figures and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.errors import RunError
from nano_u.graph import Architecture, read_architecture, summarise
from nano_u.redundancy import LayerRedundancy
from nano_u.reporting.correlations_file import Correlations, read_correlations
from nano_u.reporting.logged_steps import LoggedStep, read_logged_steps
from nano_u.reporting.metrics_search import find_metrics_csv
from nano_u.reporting.monitor_facts import MonitorFacts, read_monitor_facts
from nano_u.runs import MonitorPaths

__all__ = ["Correlations", "LoggedStep", "MonitorFacts", "MonitoredRun", "find_metrics_csv", "read_monitored_run"]


@dataclass(frozen=True)
class MonitoredRun:
    """One run as its monitor saw it; what has no file is None and is told in `absent`."""

    name: str
    """The model's; without a run file out of the name of the metrics file."""
    metrics_path: Path
    steps: tuple[LoggedStep, ...]
    """At least one."""
    correlations: Correlations | None
    facts: MonitorFacts | None
    architecture: Architecture | None
    absent: tuple[str, ...]
    """One plain sentence for each companion file that is not there."""

    def layer_scores(self) -> dict[str, tuple[float | None, ...]]:
        """The redundancy score of every layer at every step, in network order; None where it is not defined."""
        scores: dict[str, list[float | None]] = {}
        for index, step in enumerate(self.steps):
            for layer in step.layers:
                scores.setdefault(layer.layer, [None] * len(self.steps))[index] = layer.redundancy_score
        return {name: tuple(values) for name, values in scores.items()}


def read_monitored_run(metrics_csv: Path) -> MonitoredRun:
    """The run of a metrics file, with what lies beside it.

    Raises:
        RunError: a file is damaged, or the metrics file is not there.
        ModelError: the architecture record is damaged.
    """
    try:
        return _read(MonitorPaths.beside(Path(metrics_csv)))
    except OSError as error:
        raise RunError(f"{metrics_csv}: cannot be read ({error.strerror})") from error


def _read(paths: MonitorPaths) -> MonitoredRun:
    steps = read_logged_steps(paths.metrics, paths.layers if paths.layers.exists() else None)
    correlations = read_correlations(paths.correlations) if paths.correlations.exists() else None
    facts = read_monitor_facts(paths.run) if paths.run.exists() else None
    graph = paths.own_graph if paths.own_graph.exists() else paths.graph
    architecture = read_architecture(graph) if graph.exists() else None
    absent = [
        f"{path.name} is not there: {consequence}."
        for path, consequence in (
            (paths.layers, "nothing is known of single layers"),
            (paths.correlations, "no histograms and no correlation matrices"),
            (paths.run, "the model's parameters, seed and validation IoU are unknown"),
            (graph, "the architecture is unknown"),
        )
        if not path.exists()
    ]
    if architecture is not None and not _describes(architecture, facts, steps[-1].layers):
        absent.append(f"{graph.name} is the record of another network: the architecture is unknown.")
        architecture = None
    name = paths.series.removesuffix("_nas_metrics") if facts is None else facts.model_name
    return MonitoredRun(name, paths.metrics, steps, correlations, facts, architecture, tuple(absent))


def _describes(architecture: Architecture, facts: MonitorFacts | None, layers: Sequence[LayerRedundancy]) -> bool:
    """Whether this is the run's network: others that logged into the same folder left theirs there too."""
    shapes = architecture.shapes
    if any(layer.num_channels != shapes[layer.layer][-1] for layer in layers if layer.layer in shapes):
        return False
    if facts is None:
        return True
    if facts.macs is None:
        return architecture.name == facts.model_name
    return summarise(architecture).macs == facts.macs
