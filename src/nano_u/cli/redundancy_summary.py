"""The layers that repeat themselves most at the end of a training, as a short table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nano_u.redundancy import judged_at
from nano_u.reporting.table import MISSING, Column, Table, count, ratio

if TYPE_CHECKING:
    from nano_u.redundancy import LayerRedundancy
    from nano_u.workflows.monitoring import Monitored

ROWS = 5


def most_redundant_table(monitored: Monitored, rows: int = ROWS) -> Table:
    """Layers by descending score as last logged, with the channels that suffice; the model's score, last and first."""
    last = monitored.last
    scored = [layer for layer in last.layers if layer.redundancy_score is not None]
    worst = sorted(scored, key=lambda layer: -(layer.redundancy_score or 0.0))[:rows]
    model = ("model", count(last.model.num_channels), ratio(last.model.redundancy_score), "", "")
    thin = [layer.layer for layer in worst if not layer.reliable]
    return Table(
        f"Most redundant layers, epoch {last.epoch}",
        (
            Column("layer", align="left"),
            Column("channels", "ch."),
            Column("score"),
            Column("keep"),
            Column("as seen at", align="left", optional=True),
        ),
        (*(_row(layer, last.layers) for layer in worst), model),
        totals=1,
        notes=(
            _change(monitored),
            "score: 0 = channels independent, 1 = all repeat one; keep: fewest channels from which a linear layer "
            "rebuilds the others.",
        ),
        warnings=(f"too few samples, so no advice: {', '.join(thin)}",) if thin else (),
    )


def _change(monitored: Monitored) -> str:
    first, last = monitored.first, monitored.last
    if first.step == last.step:
        return "model: mean weighted by channels; logged once."
    before, after = ratio(first.model.redundancy_score), ratio(last.model.redundancy_score)
    where = f"epoch {first.epoch}, step {first.step:,}; now step {last.step:,}"
    return f"model: mean weighted by channels, {before} -> {after} since it was first logged ({where})."


def _row(layer: LayerRedundancy, layers: tuple[LayerRedundancy, ...]) -> tuple[str, str, str, str, str]:
    judged = _judged(layer, layers)
    keep = MISSING if judged is None or judged.keep is None else f"{len(judged.keep)} of {judged.num_channels}"
    place = "" if judged is None or judged is layer else judged.layer
    return layer.layer, count(layer.num_channels), ratio(layer.redundancy_score), keep, place


def _judged(layer: LayerRedundancy, layers: tuple[LayerRedundancy, ...]) -> LayerRedundancy | None:
    """The layer itself, or where its channels meet a linear layer; None where that is not monitored or too thin."""
    found = layer if layer.keep is not None else judged_at(layer, layers)
    return found if found is not None and found.keep is not None and found.reliable else None
