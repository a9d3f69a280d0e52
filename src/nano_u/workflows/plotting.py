"""Pictures and advice from the files of one monitored run or several; a run that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
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
from nano_u.runs import MONITOR_DIR, RunDirectory, file_label, write_json, write_text_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class PlotRequest:
    """What to draw of which files, and where to; `output` is the path of the only picture.

    Each of `sources` gets pictures of its own, those of `compared` share one. With `allow_missing` a picture whose
    files were not recorded is skipped instead of an error.
    """

    sources: tuple[Path, ...]
    kinds: tuple[str, ...]
    compared: tuple[Path, ...] = ()
    output: Path | None = None
    output_dir: Path = Path("plots")
    model_name: str | None = None
    layer: str | None = None
    recommendations: bool = False
    allow_missing: bool = False
    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlotResults:
    """Files written, what is advised, pictures skipped and why, and the failures of single runs by source."""

    files: tuple[Path, ...]
    advised: tuple[Recommendations, ...]
    skipped: tuple[str, ...] = ()
    failures: Mapping[Path, NanoUError] = field(default_factory=dict)

    def raise_failures(self) -> None:
        """The only failure, or a RunError with the texts of all, where there was one."""
        if len(self.failures) == 1:
            raise next(iter(self.failures.values()))
        if self.failures:
            raise RunError("; ".join(map(str, self.failures.values())))


def plot_runs(request: PlotRequest) -> PlotResults:
    """Draw everything asked for; what fails of one run of several is reported at the end, after the others.

    Raises:
        ConfigError: the request contradicts itself, or the thresholds that it names are wrong.
        NanoUError: nothing of the only run can be read or drawn.
    """
    _check(request)
    plotting = _Plotting(request)
    plotting.draw_singly()
    plotting.draw_compared()
    return PlotResults(
        tuple(plotting.files), tuple(plotting.advised), tuple(plotting.skipped), MappingProxyType(plotting.failures)
    )


def thresholds_of(metrics: Path, config: Path | None = None, overrides: Sequence[str] = ()) -> ThresholdsConfig:
    """Of the configuration file given, else of the run directory that the metrics lie in, else the defaults."""
    source = config if config is not None else _own_config(metrics)
    return load_experiment(source, None, list(overrides)).nas.thresholds


def _own_config(metrics: Path) -> Path | None:
    """The configuration of the run directory whose monitor wrote here; a user's own `config.yaml` is none."""
    folder = metrics.absolute().parent
    run = RunDirectory(folder.parent)
    if folder.name != MONITOR_DIR or not (run.provenance_path.is_file() or run.graph_path.is_file()):
        return None
    return run.config_path if run.config_path.is_file() else None


class _Plotting:
    """The runs of one request, each read once, and what has come of them so far."""

    def __init__(self, request: PlotRequest) -> None:
        self.request = request
        self.files: list[Path] = []
        self.advised: list[Recommendations] = []
        self.skipped: list[str] = []
        self.failures: dict[Path, NanoUError] = {}
        self._runs: dict[Path, MonitoredRun] = {}
        sources = dict.fromkeys((*request.sources, *request.compared))
        self._alone = len(sources) == 1
        for source in sources:
            with self._failing_alone(source):
                run = read_monitored_run(find_metrics_csv(source))
                self._runs[source] = run if request.model_name is None else replace(run, name=request.model_name)

    def draw_singly(self) -> None:
        """The pictures and the advice of every run of its own."""
        runs = {source: self._runs[source] for source in self.request.sources if source in self._runs}
        labels = run_labels(list(runs.values()))
        for (source, run), label, stem in zip(runs.items(), labels, _stems(labels), strict=True):
            with self._failing_alone(source):
                self._draw_one(run, label, stem)

    def draw_compared(self) -> None:
        """The picture of the runs side by side; none where failures have left fewer than two."""
        request = self.request
        runs = [self._runs[source] for source in request.compared if source in self._runs]
        if len(runs) > 1:
            path = request.output or request.output_dir / "comparison.png"
            self.files.append(save_figure(draw_comparison(compared_runs(runs)), path, dpi=200))

    def _draw_one(self, run: MonitoredRun, label: str, stem: str) -> None:
        request = self.request
        thresholds = thresholds_of(run.metrics_path, request.config, request.overrides)
        for kind in request.kinds:
            if kind == "heatmap" and request.allow_missing and not any(step.layers for step in run.steps):
                self.skipped.append(f"no heatmap of {label}: no single layers are recorded beside {run.metrics_path}")
                continue
            path = request.output or request.output_dir / f"{stem}_{kind}.png"
            self.files.append(save_figure(_draw(kind, run, thresholds, request.layer), path, dpi=200))
        if request.recommendations:
            self.advised.append(recommend(run, thresholds))
            self.files += write_recommendations(self.advised[-1], request.output_dir / f"{stem}_recommendations")

    @contextmanager
    def _failing_alone(self, source: Path) -> Iterator[None]:
        """One of several runs fails without the others, and no failure hides what was written before it."""
        try:
            yield
        except NanoUError as error:
            if self._alone and not self.files:
                raise
            self.failures[source] = error


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


def _check(request: PlotRequest) -> None:
    """ConfigError for what is wrong whatever the runs hold."""
    if request.config is not None or request.overrides:
        load_experiment(request.config, None, list(request.overrides))
    if request.layer is not None and "heatmap" not in request.kinds:
        raise ConfigError("--layer names the channels that the heatmap shows; add --plot-type heatmap or --all")
    if len(request.compared) == 1:
        raise ConfigError(f"a comparison needs two or more runs, only {request.compared[0]} is named: --compare a b")
    pictures = len(request.sources) * len(request.kinds) + bool(request.compared)
    if request.output is not None and pictures != 1:
        raise ConfigError(f"--output names one picture, but {pictures} would be drawn; use --output-dir")


def _stems(labels: Sequence[str]) -> list[str]:
    """Beginnings of file names, one for each run; those that would be equal are numbered."""
    stems: list[str] = []
    for label in labels:
        stem = file_label(label, otherwise="run")
        numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(labels) + 1)))
        stems.append(next(name for name in numbered if name not in stems))
    return stems
