"""The page of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nano_u.reporting.comparison_figure import compared_runs, draw_comparison
from nano_u.reporting.html.page_parts import Drawer, Picture
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.pareto_figure import ParetoData, draw_pareto
from nano_u.reporting.table import Table


@dataclass(frozen=True)
class Monitored:
    """The monitor's files of the runs compared, and those of no run directory, which have no rank."""

    runs: tuple[MonitoredRun, ...] = ()
    unranked: tuple[str, ...] = ()
    """Folders among them that are no run directories."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """By folder why its files are not shown; a run directory is ranked all the same."""


@dataclass(frozen=True)
class ComparisonReport:
    """Everything on the page; empty parts are left out."""

    title: str
    path: str
    tables: tuple[Table, ...]
    pareto: Picture | None
    training: Picture | None
    left_out: tuple[tuple[str, str], ...]
    unread: tuple[tuple[str, str], ...]
    unranked: tuple[str, ...]
    missing: tuple[str, ...]
    data: Mapping[str, Any]
    """The numbers, for those who want to go on with them."""


def comparison_report(
    tables: Sequence[Table],
    pareto: Sequence[ParetoData],
    monitored: Monitored,
    *,
    names: Sequence[str],
    left_out: Mapping[str, str],
    data: Mapping[str, Any],
) -> ComparisonReport:
    """The page out of finished tables, accuracy against cost, and the monitored runs among those compared.

    Without tables it shows training alone. `names` are those of all experiments; `left_out` says by run why it has no
    rank.
    """
    draw = Drawer()
    trade, training = None, None
    compared = compared_runs(monitored.runs) if len(monitored.runs) > 1 else ()
    if pareto:
        caption = "Validation IoU against cost; the line joins experiments that no other beats in both."
        trade = draw(draw_pareto(tuple(pareto)), caption)
    if compared:
        training = draw(draw_comparison(compared), "Monitored runs over training, and their sizes.")
    return ComparisonReport(
        title="Comparison of runs",
        path=", ".join((*names, *monitored.unranked)),
        tables=tuple(tables),
        pareto=trade,
        training=training,
        left_out=tuple(left_out.items()),
        unread=tuple(monitored.unread.items()),
        unranked=monitored.unranked,
        missing=() if compared or monitored.unread else ("redundancy over training: train with --enable-nas",),
        data={**data, "over_training": [asdict(run) for run in compared]},
    )
