"""The accuracy table: one row per recording, the pooled row last, the no-learning floor beside the model."""

from __future__ import annotations

from nano_u.evaluation import Evaluation, GroupResult, Interval
from nano_u.reporting.table import MISSING, Column, Table, count, ratio

MAX_GROUPS = 20

_COLUMNS = (
    Column("group", align="left"),
    Column("images", "imgs"),
    Column("IoU"),
    Column("95% interval"),
    Column("floor IoU", "floor"),
    Column("margin"),
    Column("mean IoU", "mIoU"),
    Column("F1"),
    Column("precision", "prec."),
    Column("recall"),
    Column("accuracy", "acc."),
)


def evaluation_table(evaluation: Evaluation, *, title: str = "Accuracy", max_groups: int = MAX_GROUPS) -> Table:
    """Table of an evaluation; of more than `max_groups` groups those with the lowest IoU are shown."""
    groups = shown_groups(evaluation, max_groups)
    rows = tuple(_row(result) for result in (*groups, evaluation.pooled))
    return Table(title, _COLUMNS, rows, 1, _notes(evaluation, len(groups)), _warnings(evaluation, groups))


def shown_groups(evaluation: Evaluation, max_groups: int = MAX_GROUPS) -> tuple[GroupResult, ...]:
    """Groups worth a row of their own: none where there is only one, the worst where there are too many."""
    groups = evaluation.groups
    if len(groups) == 1:
        return ()
    if len(groups) <= max_groups:
        return groups
    return tuple(sorted(groups, key=lambda row: 2.0 if row.metrics.iou is None else row.metrics.iou)[:max_groups])


def interval_text(interval: Interval | None) -> str:
    """`0.724-0.782`, or `MISSING`."""
    return MISSING if interval is None else f"{interval.low:.3f}-{interval.high:.3f}"


def _row(result: GroupResult) -> tuple[str, ...]:
    metrics = result.metrics
    return (
        result.name,
        count(result.images),
        ratio(metrics.iou),
        interval_text(result.iou_interval),
        ratio(result.floor.iou if result.floor else None),
        ratio(result.margin, signed=True),
        ratio(metrics.mean_iou),
        ratio(metrics.f1),
        ratio(metrics.precision),
        ratio(metrics.recall),
        ratio(metrics.accuracy),
    )


def _notes(evaluation: Evaluation, shown: int) -> tuple[str, ...]:
    pooled = evaluation.pooled
    share = MISSING if pooled.foreground_share is None else f"{pooled.foreground_share:.1%}"
    notes = [
        f"Foreground is {share} of the pixels; predicting it everywhere scores IoU {ratio(pooled.all_foreground.iou)}, "
        f"predicting none {ratio(pooled.all_background.iou)}.",
    ]
    if pooled.floor is None:
        notes.append("No training masks were given, so there is no floor to compare with.")
    else:
        notes.append(
            f"floor: the mean training mask at threshold {evaluation.floor_threshold:g}, which looks at no image."
        )
    notes.append(
        f"Threshold {evaluation.threshold:g}; intervals: moving-block bootstrap over consecutive frames of a group, "
        f"{evaluation.resamples:,} resamples."
    )
    hidden = len(evaluation.groups) - shown
    if shown and hidden:
        notes.append(f"The {shown} groups of lowest IoU; {hidden} more are not shown.")
    return tuple(notes)


def _warnings(evaluation: Evaluation, shown: tuple[GroupResult, ...]) -> tuple[str, ...]:
    """Warnings of rows that are shown, and those of the whole."""
    absent = {result.name for result in evaluation.groups} - {result.name for result in shown}
    return tuple(line for line in evaluation.warnings if not any(line.startswith(f"{name}: ") for name in absent))
