"""The page of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nano_u.reporting.comparison_figure import compared_runs, draw_comparison
from nano_u.reporting.html.run_report import Drawer, Picture
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.pareto_figure import ParetoData, draw_pareto
from nano_u.reporting.table import Table


@dataclass(frozen=True)
class ComparisonReport:
    """Everything on the page; empty parts are left out."""

    title: str
    path: str
    tables: tuple[Table, ...]
    pareto: Picture | None
    training: Picture | None
    problems: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    data: Mapping[str, Any]
    """The numbers, for those who want to go on with them."""


def comparison_report(
    tables: Sequence[Table],
    pareto: Sequence[ParetoData],
    monitored: Sequence[MonitoredRun],
    *,
    names: Sequence[str],
    problems: Mapping[str, str],
    data: Mapping[str, Any],
) -> ComparisonReport:
    """The page out of finished tables, accuracy against cost, and the monitored runs among those compared.

    `names` are those of all experiments; `problems` say by run why it is left out.
    """
    draw = Drawer()
    trade, training = None, None
    if pareto:
        caption = "Validation IoU against cost; the line joins experiments that no other beats in both."
        trade = draw(draw_pareto(tuple(pareto)), caption)
    if len(monitored) > 1:
        training = draw(draw_comparison(compared_runs(monitored)), "Monitored runs over training, and their sizes.")
    missing = () if len(monitored) > 1 else ("redundancy over training: train with --enable-nas",)
    return ComparisonReport(
        "Comparison of runs", ", ".join(names), tuple(tables), trade, training, tuple(problems.items()), missing, data
    )
