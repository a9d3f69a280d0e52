"""The exported int8 model on a page: its accuracy beside the float network's, its sizes, and its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nano_u.reporting.export_tables import accuracy_drop_table, export_table
from nano_u.reporting.html.run_files import Exported
from nano_u.reporting.table import Table


def int8_tables(exported: Exported) -> tuple[Table, ...]:
    """Accuracy and sizes, whichever the export recorded; the first one's notes tell the threshold."""
    tables = []
    if exported.float_evaluation is not None and exported.int8_evaluation is not None:
        table = accuracy_drop_table(exported.float_evaluation, exported.int8_evaluation)
        name = exported.record.get("float_model")
        tables.append(replace(table, notes=(*table.notes, f"float: {name}.")) if isinstance(name, str) else table)
    if exported.sizes is not None:
        tables.append(export_table(exported.sizes, title="int8 model"))
    threshold = threshold_note(exported.record)
    if tables and threshold:
        tables[0] = replace(tables[0], notes=(*tables[0].notes, threshold))
    return tuple(tables)


def threshold_note(record: Mapping[str, Any]) -> str:
    """The threshold of the exported model and where it was chosen, as far as its record says; "" where it does not."""
    probability, value = record.get("probability_threshold"), record.get("int8_threshold")
    if not isinstance(probability, int | float):
        return ""
    text = f"Threshold: probability {probability:g}"
    text += f", int8 value {value}" if isinstance(value, int) else ""
    if "threshold_chosen_on" not in record:
        return f"{text}."
    split = record["threshold_chosen_on"]
    where = "as given to the export, not chosen on images" if split is None else f"the best on {split} images"
    return f"{text}; {where}."
