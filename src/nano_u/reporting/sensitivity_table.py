"""How much each layer loses by int8, worst first, as a table and as CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.reporting.table import MISSING, Column, Table
from nano_u.runs import write_text_atomic

if TYPE_CHECKING:
    from nano_u.deploy.sensitivity import LayerSensitivity

COLUMNS = ("layer", "op", "own_db", "total_db", "lowest", "highest", "scale", "clipped")


def sensitivity_table(layers: Sequence[LayerSensitivity], *, images: int) -> Table:
    """One row per operator in the order given."""
    return Table(
        f"Sensitivity to int8, {images} images, worst layer first",
        (
            Column("layer", align="left"),
            Column("operator", align="left", optional=True),
            Column("own SQNR, dB", "own dB"),
            Column("total SQNR, dB", "total dB"),
            Column("float range"),
            Column("scale", optional=True),
            Column("clipped", optional=True),
        ),
        tuple(
            (
                layer.layer,
                layer.op,
                _decibels(layer.own_db),
                _decibels(layer.total_db),
                f"{layer.lowest:.3g} to {layer.highest:.3g}",
                f"{layer.scale:.3g}",
                f"{layer.clipped:.2%}",
            )
            for layer in layers
        ),
        notes=(
            "SQNR: signal-to-quantisation-noise ratio, mean over channels; 6 dB are one bit. own: what the layer alone "
            "loses on the values that it reads; total: with the noise of everything before it. -: no noise.",
        ),
    )


def write_sensitivity_csv(path: Path, layers: Sequence[LayerSensitivity]) -> None:
    """One row per operator, with all digits; an undefined value is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(layer) for layer in layers)
    write_text_atomic(path, text.getvalue())


def _decibels(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"
