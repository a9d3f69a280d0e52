"""Experiments ranked by validation IoU, and the differences between them over shared seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nano_u.reporting.experiment_result import ExperimentResult
from nano_u.reporting.paired_difference import FEWEST_PAIRS_TO_TEST, PairedDifference
from nano_u.reporting.table import MISSING, Column, Table, count, ratio

_INT8_COLUMN = Column("int8 val IoU", "int8 val", optional=True)
_RANKING_COLUMNS = (
    Column("rank", "#"),
    Column("experiment", align="left"),
    Column("val IoU"),
    Column("std"),
    Column("runs"),
    _INT8_COLUMN,
    Column("test IoU", optional=True),
    Column("MACs", optional=True),
    Column("RAM bytes", "RAM", optional=True),
    Column("parameters", "params", optional=True),
    Column("redundancy", "redund.", optional=True),
)

_DIFFERENCE_COLUMNS = (
    Column("experiment", align="left"),
    Column("pairs"),
    Column("difference", "diff."),
    Column("95% interval", "95% int."),
    Column("verdict", align="left"),
    Column("smallest", "min.", optional=True),
    Column("largest", "max.", optional=True),
)


def ranking_table(experiments: Sequence[ExperimentResult], *, warnings: Sequence[str] = ()) -> Table:
    """One row per experiment in the order given, which is the rank; those without a validation IoU have none.

    `warnings` go below the table before its own.
    """
    left_out = () if _has_int8(experiments) else (_INT8_COLUMN,)
    shown = [index for index, column in enumerate(_RANKING_COLUMNS) if column not in left_out]
    columns = tuple(_RANKING_COLUMNS[index] for index in shown)
    cells = (_ranking_row(place, experiment) for place, experiment in enumerate(experiments, 1))
    rows = tuple(tuple(row[index] for index in shown) for row in cells)
    own = (*_different_images(experiments), *(line for row in experiments for line in _warnings_about(row)))
    return Table("Experiments", columns, rows, 0, tuple(_meaning(experiments)), (*warnings, *own))


def difference_table(differences: Sequence[PairedDifference], *, alone: Sequence[str] = ()) -> Table:
    """One row per experiment that was compared with the best, in the order given; `alone` share no seed with it."""
    best = ", ".join(dict.fromkeys(row.baseline for row in differences))
    notes = (
        f"difference: validation IoU minus that of {best}, over the seeds that both have; smallest and largest of one "
        "seed.",
        f"95% interval: Student's t, not corrected for several rows; a verdict needs {FEWEST_PAIRS_TO_TEST} pairs.",
        *((f"No seed in common with {best}: {', '.join(alone)}.",) if alone else ()),
    )
    return Table(f"Against the best, {best}", _DIFFERENCE_COLUMNS, tuple(map(_difference_row, differences)), 0, notes)


def _has_int8(experiments: Sequence[ExperimentResult]) -> bool:
    return any(experiment.quantization_aware for experiment in experiments)


def _ranking_row(place: int, experiment: ExperimentResult) -> tuple[str, ...]:
    cost = experiment.cost
    return (
        MISSING if experiment.val_iou is None else str(place),
        experiment.name,
        _four(experiment.val_iou),
        _four(experiment.spread),
        str(len(experiment.runs)),
        _mean_of(experiment.int8_val_iou, experiment.quantization_aware, experiment),
        _mean_of(experiment.test_iou, experiment.tested, experiment),
        count(cost.macs if cost else None),
        count(cost.peak_activation_bytes if cost else None),
        count(cost.parameters if cost else None),
        ratio(experiment.redundancy_score),
    )


def _mean_of(value: float | None, runs: int, experiment: ExperimentResult) -> str:
    """The mean, and of how many runs it is where not of all."""
    partly = 0 < runs < len(experiment.runs)
    return _four(value) + (f" ({runs} of {len(experiment.runs)})" if partly else "")


def _difference_row(row: PairedDifference) -> tuple[str, ...]:
    interval = MISSING if row.low is None or row.high is None else f"{_signed(row.low)} to {_signed(row.high)}"
    return (
        row.other,
        str(row.pairs),
        _signed(row.mean),
        interval,
        row.verdict,
        _signed(row.smallest),
        _signed(row.largest),
    )


def _meaning(experiments: Sequence[ExperimentResult]) -> Iterator[str]:
    yield "val IoU: mean over the runs, one per seed; std: their sample standard deviation."
    if _has_int8(experiments):
        yield "int8 val IoU: the same images under simulated int8 arithmetic; the rank is that of val IoU, in float."
    if any(experiment.cost for experiment in experiments):
        yield "RAM bytes: peak of the activations as int8, batch 1."
    floors = [experiment.floor_iou for experiment in experiments if experiment.floor_iou is not None]
    if floors:
        low, high = _four(min(floors)), _four(max(floors))
        yield f"No-learning floor of the validation images: IoU {low if low == high else f'{low} to {high}'}."


def _different_images(experiments: Sequence[ExperimentResult]) -> Iterator[str]:
    known = {run.validation_images for experiment in experiments for run in experiment.runs if run.validation_images}
    if len(known) > 1:
        yield "the runs were validated on different images, so their IoU tells images apart as much as networks"


def _warnings_about(experiment: ExperimentResult) -> Iterator[str]:
    if experiment.has_several_networks:
        yield f"{experiment.name}: its runs are of networks of different cost, so none is shown"
    if experiment.cost and experiment.cost.uncounted:
        yield f"{experiment.name}: cost lacks {', '.join(experiment.cost.uncounted)}, whose content is unknown"
    for problem in (run.monitor_problem for run in experiment.runs if run.monitor_problem):
        yield f"{experiment.name}: redundancy not read: {problem}"
    if (
        experiment.val_iou is not None
        and experiment.floor_iou is not None
        and experiment.val_iou <= experiment.floor_iou
    ):
        yield f"{experiment.name}: no better than the no-learning floor, IoU {_four(experiment.floor_iou)}"


def _four(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4f}"


def _signed(value: float) -> str:
    return f"{value:+.4f}"
