"""What an export reports: float accuracy against int8, and what the file and its memory take."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nano_u.errors import DeployError
from nano_u.evaluation import Evaluation, GroupResult
from nano_u.reporting.accuracy_table import shown_groups
from nano_u.reporting.table import MISSING, Column, Table, count, ratio


@dataclass(frozen=True)
class ExportSizes:
    """Bytes of an exported model; `arena_bytes` is None unless TensorFlow Lite Micro recorded it."""

    file_bytes: int
    weight_bytes: int
    peak_activation_bytes: int
    arena_bytes: int | None
    operators: tuple[str, ...]


def iou_drop(reference: GroupResult, result: GroupResult) -> float | None:
    """IoU that `result` lacks of `reference`, negative where it is better; None where either is undefined."""
    before, after = reference.metrics.iou, result.metrics.iou
    return None if before is None or after is None else before - after


def signed_difference(value: float | None) -> str:
    """Four decimals with a sign, for the gates on it are thousandths; what rounds to zero is no loss, so +0.0000."""
    return MISSING if value is None else f"{round(value, 4) + 0.0:+.4f}"


def accuracy_drop_table(float_evaluation: Evaluation, int8_evaluation: Evaluation) -> Table:
    """IoU of the float model and of int8 on the same images, group by group."""
    float_names = [result.name for result in float_evaluation.groups]
    if float_names != [result.name for result in int8_evaluation.groups]:
        raise DeployError("float and int8 were evaluated on different groups; evaluate both on the same images")
    by_name = {result.name: result for result in int8_evaluation.groups}
    pairs = [(result, by_name[result.name]) for result in shown_groups(float_evaluation)]
    pairs.append((float_evaluation.pooled, int8_evaluation.pooled))
    rows = tuple(
        (
            before.name,
            count(before.images),
            ratio(before.metrics.iou),
            ratio(after.metrics.iou),
            signed_difference(iou_drop(before, after)),
            ratio(before.floor.iou if before.floor else None),
            ratio(before.metrics.accuracy),
            ratio(after.metrics.accuracy),
        )
        for before, after in pairs
    )
    columns = (
        Column("group", align="left"),
        Column("images"),
        Column("float IoU"),
        Column("int8 IoU"),
        Column("drop"),
        Column("floor IoU"),
        Column("float accuracy", "float acc."),
        Column("int8 accuracy", "int8 acc."),
    )
    notes = ("int8 is computed by the reference kernels, which equal TensorFlow Lite Micro.",)
    return Table("Float against int8", columns, rows, 1, notes, int8_evaluation.warnings)


def export_table(sizes: ExportSizes, *, title: str = "int8 model") -> Table:
    """File, weights, memory and operators of an exported model."""
    operators = Counter(sizes.operators).items()
    arena = MISSING if sizes.arena_bytes is None else f"{sizes.arena_bytes:,} bytes"
    rows = (
        (".tflite file", f"{sizes.file_bytes:,} bytes"),
        ("weights in it", f"{sizes.weight_bytes:,} bytes"),
        ("peak of activations", f"{sizes.peak_activation_bytes:,} bytes"),
        ("arena recorded by TensorFlow Lite Micro", arena),
        *(("" if index else "operators", f"{times} x {name}") for index, (name, times) in enumerate(operators)),
    )
    notes = () if sizes.arena_bytes is not None else ("The arena is recorded with: pip install 'nano-u[mcu]'",)
    return Table(title, (Column("", align="left"), Column("")), rows, notes=notes)
