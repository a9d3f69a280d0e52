"""Pictures and advice from the files of one monitored run or several; a damaged run does not stop the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.config import ThresholdsConfig, load_experiment
from nano_u.errors import ConfigError, NanoUError, RunError
from nano_u.reporting.comparison_figure import compared_runs, draw_comparison, run_labels
from nano_u.reporting.correlation_figure import correlation_over_training, draw_correlation
from nano_u.reporting.dashboard_figure import dashboard, draw_dashboard
from nano_u.reporting.figure_file import save_figure
from nano_u.reporting.heatmap_figure import draw_heatmap, layer_heatmap
from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
from nano_u.reporting.recommendation_text import evidence_table, recommendation_text, recommendations_to_dict
from nano_u.reporting.recommendations import Recommendations, recommend
from nano_u.reporting.redundancy_figure import draw_redundancy, redundancy_over_training
from nano_u.runs import RunDirectory, write_json, write_text_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PlotRequest:
    """What to draw of which files, and where to; `output` is the path of the only picture."""

    sources: tuple[Path, ...]
    kinds: tuple[str, ...]
    output: Path | None = None
    output_dir: Path = Path("plots")
    model_name: str | None = None
    layer: str | None = None
    recommendations: bool = False
    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlotResults:
    """Files written, what is advised, and the failures of single runs by source."""

    files: tuple[Path, ...]
    advised: tuple[Recommendations, ...]
    failures: Mapping[Path, str] = field(default_factory=dict)

    def raise_failures(self) -> None:
        """RunError with every failure, where there was one."""
        if self.failures:
            raise RunError("; ".join(self.failures.values()))


def plot_runs(request: PlotRequest) -> PlotResults:
    """Draw everything asked for; a run that cannot be read is reported at the end, after the others."""
    _check_output(request)
    runs, failures = _read_all(request)
    files: list[Path] = []
    advised: list[Recommendations] = []
    for run, label in zip(runs, run_labels(runs), strict=True):
        thresholds = thresholds_of(run.metrics_path, request.config, request.overrides)
        stem = _stem(label)
        for kind in request.kinds:
            if kind != "comparison":
                path = request.output or request.output_dir / f"{stem}_{kind}.png"
                files.append(save_figure(_draw(kind, run, thresholds, request.layer), path, dpi=200))
        if request.recommendations:
            advised.append(recommend(run, thresholds))
            files += write_recommendations(advised[-1], request.output_dir / f"{stem}_recommendations")
    if "comparison" in request.kinds and (len(runs) > 1 or not failures):
        path = request.output or request.output_dir / "comparison.png"
        files.append(save_figure(draw_comparison(compared_runs(runs)), path, dpi=200))
    return PlotResults(tuple(files), tuple(advised), failures)


def thresholds_of(metrics: Path, config: Path | None = None, overrides: Sequence[str] = ()) -> ThresholdsConfig:
    """Of the configuration file given, else of the run directory that the metrics lie in, else the defaults."""
    own = RunDirectory(metrics.absolute().parent.parent).config_path
    source = config if config is not None else own if own.is_file() else None
    return load_experiment(source, None, list(overrides)).nas.thresholds


def _read_all(request: PlotRequest) -> tuple[list[MonitoredRun], dict[Path, str]]:
    runs: list[MonitoredRun] = []
    failures: dict[Path, str] = {}
    for source in request.sources:
        try:
            run = read_monitored_run(find_metrics_csv(source))
        except NanoUError as error:
            if len(request.sources) == 1:
                raise
            failures[source] = str(error)
            continue
        runs.append(run if request.model_name is None else replace(run, name=request.model_name))
    return runs, failures


def _draw(kind: str, run: MonitoredRun, thresholds: ThresholdsConfig, layer: str | None) -> Figure:
    drawers: dict[str, Callable[[], Figure]] = {
        "redundancy": lambda: draw_redundancy(
            redundancy_over_training(run, thresholds), title=f"Redundancy of {run.name}"
        ),
        "correlation": lambda: draw_correlation(
            correlation_over_training(run, thresholds), title=f"Channel correlation of {run.name}"
        ),
        "dashboard": lambda: draw_dashboard(dashboard(run, thresholds)),
        "heatmap": lambda: draw_heatmap(layer_heatmap(run, layer), title=f"Redundancy of {run.name}"),
    }
    return drawers[kind]()


def write_recommendations(found: Recommendations, stem: Path) -> list[Path]:
    """Write them as `<stem>.txt`, with the evidence, and `<stem>.json`; returns both paths."""
    text, record = stem.with_name(f"{stem.name}.txt"), stem.with_name(f"{stem.name}.json")
    stem.parent.mkdir(parents=True, exist_ok=True)
    evidence = f"\n{evidence_table(found).to_text()}" if found.findings else ""
    write_text_atomic(text, recommendation_text(found) + evidence)
    write_json(record, recommendations_to_dict(found))
    return [text, record]


def _check_output(request: PlotRequest) -> None:
    if request.output is None:
        return
    pictures = sum(len(request.sources) if kind != "comparison" else 1 for kind in request.kinds)
    if pictures != 1:
        raise ConfigError(f"--output names one picture, but {pictures} would be drawn; use --output-dir")


def _stem(label: str) -> str:
    return re.sub(r"[^\w.-]+", "-", label).strip("-.") or "run"
