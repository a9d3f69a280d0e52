"""Finished runs side by side: accuracy over seeds, differences over shared seeds, and accuracy against cost."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.config import load_experiment
from nano_u.errors import NanoUError, RunError
from nano_u.graph import CostSummary, read_architecture, summarise
from nano_u.reporting.comparison_table import difference_table, ranking_table
from nano_u.reporting.experiment_result import ExperimentResult, RunResult
from nano_u.reporting.metrics_search import was_monitored
from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
from nano_u.reporting.paired_difference import PairedDifference, paired_differences
from nano_u.reporting.table import Table
from nano_u.runs import RunDirectory, open_run, read_json

if TYPE_CHECKING:
    from nano_u.reporting.pareto_figure import ParetoData, ParetoPoint

PICTURE = "pareto.png"

_COSTS: tuple[tuple[str, Callable[[CostSummary], int]], ...] = (
    ("MACs", lambda cost: cost.macs),
    ("peak of activations in RAM, int8 bytes", lambda cost: cost.peak_activation_bytes),
)


@dataclass(frozen=True)
class LeftOut:
    """A run that cannot be compared, and why in one line that names it."""

    run: Path
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Experiments by validation IoU, best first; the best against the others; and the runs that were left out."""

    experiments: tuple[ExperimentResult, ...]
    differences: tuple[PairedDifference, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def runs(self) -> int:
        """Number of runs, those left out among them."""
        return sum(len(experiment.runs) for experiment in self.experiments) + len(self.left_out)

    def tables(self) -> tuple[Table, ...]:
        """The ranking, and the differences where experiments share seeds."""
        ranking = ranking_table(self.experiments, warnings=[f"left out: {entry.reason}" for entry in self.left_out])
        paired = {name for row in self.differences for name in (row.baseline, row.other)}
        alone = [row.name for row in self.experiments if row.val_iou is not None and row.name not in paired]
        return (ranking, difference_table(self.differences, alone=alone)) if self.differences else (ranking,)

    def pareto(self) -> tuple[ParetoData, ...]:
        """Validation IoU against MACs and against RAM; empty where no experiment has both IoU and cost."""
        from nano_u.reporting.pareto_figure import pareto_data

        runs = (run for experiment in self.experiments for run in experiment.runs)
        floors = [run.floor_iou for run in runs if run.floor_iou is not None]
        floor = floors[0] if floors and math.isclose(min(floors), max(floors)) else None
        panels = []
        for label, cost_of in _COSTS:
            points = [point for row in self.experiments if (point := _point(row, cost_of)) is not None]
            if points:
                panels.append(pareto_data(points, label, "validation IoU, mean over seeds", floor))
        return tuple(panels)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain values for JSON."""
        return {
            "experiments": [_experiment_dict(experiment) for experiment in self.experiments],
            "differences": [{**dataclasses.asdict(row), "verdict": row.verdict} for row in self.differences],
            "pareto": [
                {"cost": panel.cost_label, "front": [point.label for point in panel.front]} for panel in self.pareto()
            ],
            "left_out": [{"run": str(entry.run), "reason": entry.reason} for entry in self.left_out],
        }


def compare_runs(runs: Sequence[Path]) -> Comparison:
    """As `read_comparison`; RunError where no run remains."""
    comparison = read_comparison(runs)
    if not comparison.experiments:
        raise RunError(_nothing_to_compare(comparison.left_out))
    return comparison


def read_comparison(runs: Sequence[Path]) -> Comparison:
    """The finished runs compared; a folder that holds runs stands for all of them.

    Runs of one folder whose names differ only in `-seedN` are one experiment. A run that is missing, unfinished or
    damaged is left out and named.
    """
    results, left_out = [], []
    for path in _find_runs(runs):
        try:
            results.append(_read_run(path))
        except (NanoUError, OSError) as error:
            left_out.append(LeftOut(path, _reason(error)))
    experiments, repeated = _by_experiment(results)
    differences = paired_differences({row.name: row.val_ious for row in experiments})
    return Comparison(experiments, differences, (*left_out, *repeated))


def holds_runs(path: Path) -> bool:
    """Whether this is a run directory, finished or not, or a folder of some."""
    return any(map(_is_run, _find_runs([path])))


def draw_comparison(comparison: Comparison, folder: Path) -> Path | None:
    """Write the picture into `folder`; its path, or None where no experiment has both an IoU and a cost."""
    from nano_u.reporting.figure_file import save_figure
    from nano_u.reporting.pareto_figure import draw_pareto

    data = comparison.pareto()
    return save_figure(draw_pareto(data), folder / PICTURE) if data else None


def _find_runs(paths: Sequence[Path]) -> list[Path]:
    """Every run once, however it is spelled; a path that is neither a run nor a folder of runs stays, to be named."""
    found: dict[Path, Path] = {}
    for path in paths:
        children = sorted(child for child in path.iterdir() if _is_run(child)) if path.is_dir() else []
        for run in [path] if _is_run(path) or not children else children:
            found.setdefault(run.resolve(), run)
    return list(found.values())


def _is_run(path: Path) -> bool:
    return RunDirectory(path).config_path.is_file()


def _read_run(path: Path) -> RunResult:
    """What the run's files say; RunError where it has not finished or one of them is damaged."""
    run = open_run(path)
    metrics = _metrics(run.require(run.metrics_path))
    validation = metrics["validation"]
    test_path = run.evaluation_dir("test") / "metrics.json"
    monitored, problem = _monitored(run)
    return RunResult(
        run=path,
        seed=load_experiment(run.config_path).seed,
        val_iou=None if validation is None else _iou(run.metrics_path, validation, "metrics"),
        int8_val_iou=_int8_iou(run.metrics_path, metrics.get("quantization_aware")),
        test_iou=_iou(test_path, read_json(test_path), "metrics") if test_path.is_file() else None,
        monitored=monitored,
        monitor_problem=problem,
        floor_iou=None if validation is None else _iou(run.metrics_path, validation, "floor"),
        cost=summarise(read_architecture(run.graph_path)) if run.graph_path.is_file() else None,
        validation_images=_validation_images(run),
    )


def _metrics(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or "validation" not in content:
        raise RunError(f"{path}: does not hold the metrics of a training; train again into a new run directory")
    return content


def _int8_iou(path: Path, refined: Any) -> float | None:
    """Validation IoU under simulated int8 arithmetic; None where the run was not trained under it, or not validated."""
    if refined is None:
        return None
    if not isinstance(refined, dict) or "validation" not in refined:
        raise RunError(f"{path}: quantization_aware: holds no validation; train again into a new run directory")
    return None if refined["validation"] is None else _iou(path, refined["validation"], "metrics")


def _iou(path: Path, evaluation: Any, of: str) -> float | None:
    """IoU of the pooled row's `metrics` or `floor`; None where it is not defined."""
    try:
        row = evaluation["pooled"].get(of) if of == "floor" else evaluation["pooled"][of]
        value = None if row is None else row["iou"]
        return None if value is None else float(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path}: holds no IoU of all images; evaluate or train again") from error


def _monitored(run: RunDirectory) -> tuple[MonitoredRun | None, str | None]:
    """What the monitor saw and, where its files cannot be read, why not; the run is none the worse for that."""
    try:
        if not was_monitored(run.path):
            return None, None
        return read_monitored_run(find_metrics_csv(run.path)), None
    except NanoUError as error:
        return None, str(error)


def _validation_images(run: RunDirectory) -> str | None:
    """Fingerprint of the validation images; None where the run does not say."""
    if not run.provenance_path.is_file():
        return None
    try:
        return str(read_json(run.provenance_path)["dataset"]["splits"]["val"]["sha256"])
    except (KeyError, TypeError):
        return None


def _reason(error: NanoUError | OSError) -> str:
    """One line that names the file: our errors do, the system's in its own form."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def _nothing_to_compare(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return "no runs to compare; name run directories or a folder of them"
    if len(left_out) == 1:
        return left_out[0].reason
    return f"none of the {len(left_out)} runs can be compared, the first: {left_out[0].reason}"


def _by_experiment(results: Sequence[RunResult]) -> tuple[tuple[ExperimentResult, ...], list[LeftOut]]:
    """The runs by experiment, best first, and those whose experiment has a run of their seed already.

    An experiment is called as its runs' folders, and as those above where the runs lie in several.
    """
    paths = [result.run.resolve() for result in results]
    shared = os.path.commonpath([path.parent for path in paths]) if paths else ""
    seeds: dict[str, dict[int, RunResult]] = {}
    repeated = []
    for path, result in zip(paths, results, strict=True):
        name = str(path.relative_to(shared)).removesuffix(f"-seed{result.seed}")
        first = seeds.setdefault(name, {}).setdefault(result.seed, result)
        if first is not result:
            reason = f"{result.run}: experiment {name} has a run of seed {result.seed} already, {first.run}"
            repeated.append(LeftOut(result.run, reason))
    rows = [ExperimentResult(name, tuple(runs[seed] for seed in sorted(runs))) for name, runs in seeds.items()]
    rows.sort(key=lambda row: -1.0 if row.val_iou is None else row.val_iou, reverse=True)
    return tuple(rows), repeated


def _point(experiment: ExperimentResult, cost_of: Callable[[CostSummary], int]) -> ParetoPoint | None:
    from nano_u.reporting.pareto_figure import ParetoPoint

    if experiment.val_iou is None or experiment.cost is None:
        return None
    values = experiment.val_ious.values()
    low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
    return ParetoPoint(experiment.name, experiment.val_iou, low, high, cost_of(experiment.cost))


def _experiment_dict(experiment: ExperimentResult) -> dict[str, Any]:
    cost = experiment.cost
    return {
        "experiment": experiment.name,
        "val_iou": experiment.val_iou,
        "val_iou_std": experiment.spread,
        "int8_val_iou": experiment.int8_val_iou,
        "test_iou": experiment.test_iou,
        "tested_runs": experiment.tested,
        "redundancy_score": experiment.redundancy_score,
        "floor_iou": experiment.floor_iou,
        "parameters": cost.parameters if cost else None,
        "macs": cost.macs if cost else None,
        "peak_activation_bytes": cost.peak_activation_bytes if cost else None,
        "runs": [_run_dict(run) for run in experiment.runs],
    }


def _run_dict(run: RunResult) -> dict[str, Any]:
    return {
        "run": str(run.run),
        "seed": run.seed,
        "val_iou": run.val_iou,
        "int8_val_iou": run.int8_val_iou,
        "test_iou": run.test_iou,
        "redundancy_score": run.redundancy_score,
        "monitor_problem": run.monitor_problem,
    }
