"""How much each layer's channels repeat each other, as a table in network order."""

from __future__ import annotations

from collections.abc import Sequence

from nano_u.redundancy import SAMPLES_PER_CHANNEL, LayerRedundancy, ModelRedundancy, judged_at
from nano_u.reporting.table import MISSING, Column, Table, count, ratio

NAMES_SHOWN = 4
MARKS = "abcdefghijklmnopqrstuvwxyz"

_COLUMNS = (
    Column("#"),
    Column("layer", align="left"),
    Column("channels", "ch."),
    Column("score"),
    Column("95% interval", "95% int."),
    Column("keep"),
    Column("mean |r|"),
    Column("condition", "cond.", optional=True),
    Column("dead", optional=True),
    Column("eff. samples", "N eff", optional=True),
)


def layer_redundancy_table(
    layers: Sequence[LayerRedundancy], model: ModelRedundancy, *, title: str = "Redundancy", notes: Sequence[str] = ()
) -> Table:
    """One row per layer in the order given, the model's last; why a cell is empty stands below, each reason once.

    `notes` go below the table before its own.
    """
    marks = _marks(layers)
    rows = [(str(number), *_cells(layer, layers, marks)) for number, layer in enumerate(layers, 1)]
    reasons = tuple(f"({mark}) {reason}." for reason, mark in marks.items())
    return Table(
        title,
        _COLUMNS,
        (*rows, _model_row(model, layers)),
        totals=1,
        notes=(*notes, *_meaning(layers, model), *reasons),
        warnings=_warnings(layers),
    )


def _cells(layer: LayerRedundancy, layers: Sequence[LayerRedundancy], marks: dict[str, str]) -> tuple[str, ...]:
    sampled, channels = layer.sampled_channels, count(layer.num_channels)
    return (
        layer.layer,
        channels if sampled is None else f"{count(sampled)} of {channels}",
        ratio(layer.redundancy_score),
        _interval(layer),
        _keep(layer, layers, marks),
        ratio(layer.correlation_mean),
        _condition(layer.condition_number, layer.condition_at_floor),
        count(layer.dead_channels),
        MISSING if layer.effective_samples is None else count(int(layer.effective_samples)),
    )


def _model_row(model: ModelRedundancy, layers: Sequence[LayerRedundancy]) -> tuple[str, ...]:
    largest = model.condition_number
    at_floor = any(layer.condition_at_floor and layer.condition_number == largest for layer in layers)
    condition = _condition(largest, at_floor)
    score, correlation = ratio(model.redundancy_score), ratio(model.correlation_mean)
    return (
        "",
        "model",
        count(model.num_channels),
        score,
        "",
        "",
        correlation,
        condition,
        count(model.dead_channels),
        "",
    )


def _interval(layer: LayerRedundancy) -> str:
    if layer.score_low is None or layer.score_high is None:
        return MISSING
    return f"{layer.score_low:.3f}-{layer.score_high:.3f}"


def _condition(number: float | None, at_floor: bool) -> str:
    return MISSING if number is None else f"{'>=' if at_floor else ''}{number:.3g}"


def _keep(layer: LayerRedundancy, layers: Sequence[LayerRedundancy], marks: dict[str, str]) -> str:
    """How many channels suffice, or the row where the same channels can be judged, or the mark of the reason."""
    if layer.keep is not None:
        return f"{len(layer.keep)} of {layer.num_channels}"
    row = _row_to_see(layer, layers)
    if row is not None:
        return f"see #{row}"
    reason = _reason(layer)
    return f"({marks[reason]})" if reason in marks else MISSING


def _row_to_see(layer: LayerRedundancy, layers: Sequence[LayerRedundancy]) -> int | None:
    """Number of the row that the record's reason names."""
    judged = judged_at(layer, layers)
    return next((row for row, other in enumerate(layers, 1) if other is judged), None)


def _reason(layer: LayerRedundancy) -> str:
    return layer.reason or layer.removable_reason or ""


def _marks(layers: Sequence[LayerRedundancy]) -> dict[str, str]:
    """A letter for each reason, in order of appearance; beyond the alphabet two letters."""
    open_questions = (layer for layer in layers if layer.keep is None and _row_to_see(layer, layers) is None)
    reasons = dict.fromkeys(reason for reason in map(_reason, open_questions) if reason)
    size = len(MARKS)
    return {
        reason: (MARKS[number // size - 1] if number >= size else "") + MARKS[number % size]
        for number, reason in enumerate(reasons)
    }


def _meaning(layers: Sequence[LayerRedundancy], model: ModelRedundancy) -> tuple[str, ...]:
    keep = "keep: fewest channels from which a linear layer rebuilds the others, all but 5 % of their variance"
    if any(_row_to_see(layer, layers) is not None for layer in layers):
        keep += "; see #n: the same channels meet a linear layer there"
    total = "model: means weighted by channels, largest condition number"
    if any(layer.condition_at_floor for layer in layers):
        total += " (>=: at the limit of float32)"
    if model.layers_without_score:
        total += f"; {model.layers_without_score} of {model.num_layers} layers have no score"
    return ("score: 0 = channels independent, 1 = all repeat one.", f"{keep}.", f"{total}.")


def _warnings(layers: Sequence[LayerRedundancy]) -> tuple[str, ...]:
    thin = [layer.layer for layer in layers if layer.redundancy_score is not None and not layer.reliable]
    if not thin:
        return ()
    more = f" and {len(thin) - NAMES_SHOWN} more" if len(thin) > NAMES_SHOWN else ""
    names = ", ".join(thin[:NAMES_SHOWN])
    return (f"fewer than {SAMPLES_PER_CHANNEL} effective samples per channel, so no advice: {names}{more}",)
