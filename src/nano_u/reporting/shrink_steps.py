"""The log of shrinking a network: what was cut, what that cost in accuracy, and whether it was kept."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure
from pydantic import TypeAdapter, ValidationError

from nano_u.errors import RunError
from nano_u.evaluation import Evaluation
from nano_u.graph.cost import CostSummary
from nano_u.reporting.accuracy_table import shown_groups
from nano_u.reporting.export_tables import iou_drop, signed_difference
from nano_u.reporting.pareto_figure import ParetoData, ParetoPoint, draw_pareto, pareto_data
from nano_u.reporting.table import MISSING, Column, Table, count, ratio
from nano_u.runs import read_json

MOST_NAMED = 16
"""Points whose numbers a picture has room for."""


@dataclass(frozen=True)
class StepCost:
    """What a network costs at int8 and batch 1, as `CostSummary` estimates it."""

    parameters: int
    macs: int
    weight_bytes: int
    ram_bytes: int
    flash_bytes: int
    instructions: int

    @classmethod
    def of(cls, summary: CostSummary) -> StepCost:
        """The numbers that a step is judged by."""
        return cls(
            summary.parameters,
            summary.macs,
            summary.weight_bytes,
            summary.arena_estimate_bytes,
            summary.flash_estimate_bytes,
            summary.instructions_estimate,
        )


StepKind = Literal["start", "dead", "cut", "block", "upsampling", "tuning"]


@dataclass(frozen=True)
class ShrinkStep:
    """The start, the removal of dead filters, a cut of one group, a block fewer or earlier, or the last fine-tuning.

    `group` names the layers that were changed. `expected_loss` is the share of the next layers' output variance that
    folding cannot rebuild, or for a block how far its output is from what stands in its place, over its variance.
    `iou_cut` is the validation IoU before fine-tuning, `iou` after it.
    """

    number: int
    kind: StepKind
    move: str
    group: str | None
    filters_before: int | None
    filters_after: int | None
    expected_loss: float | None
    iou_cut: float | None
    iou: float
    kept: bool
    reason: str
    cost: StepCost
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


_STEPS = TypeAdapter(list[ShrinkStep])


def shrink_table(steps: Sequence[ShrinkStep], *, name: str) -> Table:
    """One row per step; costs of steps that were undone are those of the network that was tried."""
    columns = (
        Column("step"),
        Column("change", align="left"),
        Column("MACs"),
        Column("weights, bytes", "weights"),
        Column("RAM, bytes", "RAM"),
        Column("expected loss", "loss", optional=True),
        Column("IoU when cut", "cut", optional=True),
        Column("val IoU", "IoU"),
        Column("", align="left"),
    )
    rows = tuple(
        (
            str(step.number),
            step.move,
            count(step.cost.macs),
            count(step.cost.weight_bytes),
            count(step.cost.ram_bytes),
            MISSING if step.expected_loss is None else f"{step.expected_loss:.2%}",
            _iou(step.iou_cut),
            _iou(step.iou),
            step.reason,
        )
        for step in steps
    )
    notes = (
        "RAM with the interpreter's structures, estimated. Expected loss: share of the next layers' output variance "
        "that the kept channels cannot rebuild, before training. IoU on validation images, right after the change and "
        "after fine-tuning.",
    )
    return Table(f"Shrinking of {name}", columns, rows, notes=notes)


def plan_table(moves: Sequence[tuple[str, float]], now: StepCost, costs: Sequence[StepCost]) -> Table:
    """What could be changed first: (change, expected loss) each, and what the network then costs."""
    columns = (
        Column("change", align="left"),
        Column("expected loss", "loss"),
        Column("MACs"),
        Column("weights, bytes", "weights"),
        Column("RAM, bytes", "RAM"),
    )
    rows = tuple((text, f"{loss:.2%}", *_change(now, cost)) for (text, loss), cost in zip(moves, costs, strict=True))
    total = ("now", "", count(now.macs), count(now.weight_bytes), count(now.ram_bytes))
    notes = ("The most worthwhile change first, each on its own; nothing was trained or written.",)
    return Table("What would be changed first", columns, (*rows, total), 1, notes)


def before_after_table(before: Evaluation, after: Evaluation) -> Table:
    """Test IoU of the network at the start and at the end, group by group."""
    by_name = {result.name: result for result in (*after.groups, after.pooled)}
    pairs = [(result, by_name[result.name]) for result in (*shown_groups(before), before.pooled)]
    rows = tuple(
        (
            old.name,
            count(old.images),
            ratio(old.metrics.iou),
            ratio(new.metrics.iou),
            signed_difference(iou_drop(new, old)),
            ratio(old.floor.iou if old.floor else None),
        )
        for old, new in pairs
    )
    columns = (
        Column("group", align="left"),
        Column("images"),
        Column("IoU before"),
        Column("IoU after"),
        Column("change"),
        Column("floor IoU"),
    )
    return Table("Test images, looked at once", columns, rows, 1, (), after.warnings)


def read_steps(path: Path) -> tuple[ShrinkStep, ...]:
    """The steps of a `shrink.json`; RunError where it is damaged or holds none."""
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("steps"), list) or not record["steps"]:
        raise RunError(f"{path}: holds no steps; run nano-u shrink again")
    try:
        return tuple(_STEPS.validate_json(json.dumps(record["steps"]), strict=True))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise RunError(f"{path}: holds no step that this version wrote ({where}); run nano-u shrink again") from error


def shrink_csv(steps: Sequence[ShrinkStep]) -> str:
    """One row per step, with all digits; an undefined value is an empty cell."""
    text = io.StringIO()
    rows = [{**row, **row.pop("cost")} for row in (step.to_dict() for step in steps)]
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def draw_shrinking(steps: Sequence[ShrinkStep], *, name: str, floor: float | None) -> Figure:
    """Validation IoU of every network that was tried against its MACs and its RAM, the start among them.

    Of more than `MOST_NAMED` only the first, the last and those on the front have their numbers beside them.
    """
    panels = []
    for label, cost in (("MACs", lambda step: step.cost.macs), ("RAM, bytes", lambda step: step.cost.ram_bytes)):
        points = [ParetoPoint(_label(step), step.iou, None, None, cost(step)) for step in steps]
        panel = pareto_data(points, label, "validation IoU", floor)
        panels.append(panel if len(steps) <= MOST_NAMED else _fewer_names(panel))
    return draw_pareto(panels, title=f"Shrinking of {name}, step by step; (n) was undone")


def _change(now: StepCost, cost: StepCost) -> tuple[str, str, str]:
    pairs = ((now.macs, cost.macs), (now.weight_bytes, cost.weight_bytes), (now.ram_bytes, cost.ram_bytes))
    macs, weights, ram = (f"{after / before - 1:+.1%}" for before, after in pairs)
    return macs, weights, ram


def _fewer_names(panel: ParetoData) -> ParetoData:
    ends = (0, len(panel.points) - 1)
    points = tuple(
        point if is_on or index in ends else replace(point, label="")
        for index, (point, is_on) in enumerate(zip(panel.points, panel.on_front, strict=True))
    )
    return replace(panel, points=points)


def _label(step: ShrinkStep) -> str:
    return str(step.number) if step.kept else f"({step.number})"


def _iou(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4f}"
