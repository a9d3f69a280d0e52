"""Records to tables and figures; never imports TensorFlow. NumPy and matplotlib load with the first use of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# At once: a module that bears its function's name hides a lazy one. Both need neither NumPy nor matplotlib.
from nano_u.reporting.cost_table import cost_summary_table, cost_table, fit_table
from nano_u.reporting.table import Column, Table

if TYPE_CHECKING:
    from nano_u.reporting.accuracy_table import evaluation_table
    from nano_u.reporting.curve_figures import draw_precision_recall, draw_threshold_sweep
    from nano_u.reporting.export_tables import ExportSizes, accuracy_drop_table, export_table, iou_drop
    from nano_u.reporting.figure_file import save_figure
    from nano_u.reporting.gallery_figure import draw_gallery
    from nano_u.reporting.history import History, read_history
    from nano_u.reporting.history_figure import draw_history
    from nano_u.reporting.layer_bars_figure import draw_redundancy_bars, redundancy_bars
    from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
    from nano_u.reporting.recommendations import Recommendations, recommend
    from nano_u.reporting.redundancy_csv import write_redundancy_csv
    from nano_u.reporting.redundancy_table import layer_redundancy_table
    from nano_u.reporting.sweep_csv import write_precision_recall_csv, write_sweep_csv

_HOMES = {
    "ExportSizes": "export_tables",
    "History": "history",
    "MonitoredRun": "monitored_run",
    "Recommendations": "recommendations",
    "accuracy_drop_table": "export_tables",
    "draw_gallery": "gallery_figure",
    "draw_history": "history_figure",
    "draw_redundancy_bars": "layer_bars_figure",
    "draw_precision_recall": "curve_figures",
    "draw_threshold_sweep": "curve_figures",
    "evaluation_table": "accuracy_table",
    "export_table": "export_tables",
    "find_metrics_csv": "monitored_run",
    "iou_drop": "export_tables",
    "layer_redundancy_table": "redundancy_table",
    "read_history": "history",
    "read_monitored_run": "monitored_run",
    "recommend": "recommendations",
    "redundancy_bars": "layer_bars_figure",
    "save_figure": "figure_file",
    "write_precision_recall_csv": "sweep_csv",
    "write_redundancy_csv": "redundancy_csv",
    "write_sweep_csv": "sweep_csv",
}

__all__ = [
    "Column",
    "ExportSizes",
    "History",
    "MonitoredRun",
    "Recommendations",
    "Table",
    "accuracy_drop_table",
    "cost_summary_table",
    "cost_table",
    "draw_gallery",
    "draw_history",
    "draw_precision_recall",
    "draw_redundancy_bars",
    "draw_threshold_sweep",
    "evaluation_table",
    "export_table",
    "find_metrics_csv",
    "fit_table",
    "iou_drop",
    "layer_redundancy_table",
    "read_history",
    "read_monitored_run",
    "recommend",
    "redundancy_bars",
    "save_figure",
    "write_precision_recall_csv",
    "write_redundancy_csv",
    "write_sweep_csv",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
