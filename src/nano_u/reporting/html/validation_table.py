"""The networks of one training on the same validation images: teacher, float, and under simulated int8 arithmetic."""

from __future__ import annotations

from nano_u.evaluation import Evaluation
from nano_u.reporting.accuracy_table import interval_text
from nano_u.reporting.export_tables import signed_difference
from nano_u.reporting.table import Column, Table, count, ratio

_COLUMNS = (
    Column("network", align="left"),
    Column("images"),
    Column("IoU"),
    Column("95% interval"),
    Column("against float"),
)

SIMULATED = (
    "Simulated int8: the network as it was trained, every value rounded as the kernels do; the exported file itself is "
    "measured under On the device."
)


def validation_table(
    float_network: Evaluation | None, int8_network: Evaluation | None, teacher: Evaluation | None
) -> Table | None:
    """One row for each network that is there; None where there is nothing beside the float one."""
    if int8_network is None and teacher is None:
        return None
    named = (("teacher", teacher), ("float", float_network), ("simulated int8", int8_network))
    rows = tuple(_row(name, found, float_network) for name, found in named if found is not None)
    notes = () if int8_network is None else (SIMULATED,)
    return Table("Validation IoU of every network", _COLUMNS, rows, notes=notes)


def _row(name: str, evaluation: Evaluation, reference: Evaluation | None) -> tuple[str, ...]:
    pooled = evaluation.pooled
    before = None if reference is None else reference.pooled.metrics.iou
    iou = pooled.metrics.iou
    difference = None if iou is None or before is None or evaluation is reference else iou - before
    return (
        name,
        count(pooled.images),
        ratio(iou),
        interval_text(pooled.iou_interval),
        signed_difference(difference),
    )
