"""What an experiment came to over its seeds: accuracy, redundancy and cost."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nano_u.graph import CostSummary
from nano_u.reporting.monitored_run import MonitoredRun


@dataclass(frozen=True)
class RunResult:
    """One finished run; None stands for what was not measured or not recorded.

    `int8_val_iou` is that of a quantisation-aware run under simulated int8 arithmetic, on the same images as `val_iou`.
    `floor_iou` is the no-learning floor on the validation images, `validation_images` their fingerprint.
    `monitor_problem` says why a run was monitored and `monitored` is None all the same.
    """

    run: Path
    seed: int
    val_iou: float | None = None
    int8_val_iou: float | None = None
    test_iou: float | None = None
    monitored: MonitoredRun | None = None
    monitor_problem: str | None = None
    floor_iou: float | None = None
    cost: CostSummary | None = None
    validation_images: str | None = None

    @property
    def redundancy_score(self) -> float | None:
        """The monitor's last score, in [0, 1]."""
        return None if self.monitored is None else self.monitored.steps[-1].redundancy_score


@dataclass(frozen=True)
class ExperimentResult:
    """One experiment over its seeds, a run for each."""

    name: str
    runs: tuple[RunResult, ...]

    @property
    def val_ious(self) -> dict[int, float]:
        """Validation IoU by seed, of the runs that have one."""
        return {run.seed: run.val_iou for run in self.runs if run.val_iou is not None}

    @property
    def val_iou(self) -> float | None:
        """Mean validation IoU."""
        return _mean(self.val_ious.values())

    @property
    def spread(self) -> float | None:
        """Sample standard deviation of the validation IoU over the seeds; None for one seed."""
        values = self.val_ious.values()
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def int8_val_iou(self) -> float | None:
        """Mean validation IoU under simulated int8 arithmetic over the `quantization_aware` runs."""
        return _mean(run.int8_val_iou for run in self.runs)

    @property
    def quantization_aware(self) -> int:
        """Number of runs that were trained under int8 arithmetic and validated."""
        return sum(run.int8_val_iou is not None for run in self.runs)

    @property
    def test_iou(self) -> float | None:
        """Mean test IoU over the `tested` runs."""
        return _mean(run.test_iou for run in self.runs)

    @property
    def tested(self) -> int:
        """Number of runs that were evaluated on the test split."""
        return sum(run.test_iou is not None for run in self.runs)

    @property
    def redundancy_score(self) -> float | None:
        """Mean of the runs' last logged score, in [0, 1], 1 = all channels repeat one."""
        return _mean(run.redundancy_score for run in self.runs)

    @property
    def floor_iou(self) -> float | None:
        """Mean no-learning floor on the validation images."""
        return _mean(run.floor_iou for run in self.runs)

    @property
    def cost(self) -> CostSummary | None:
        """The network's cost; None where it was not recorded or where the runs are of several networks."""
        return None if self.has_several_networks else next((run.cost for run in self.runs if run.cost), None)

    @property
    def has_several_networks(self) -> bool:
        """Whether the runs differ in what their networks cost."""
        return len({run.cost for run in self.runs if run.cost}) > 1


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return statistics.fmean(defined) if defined else None
