"""How the recorded abs(r) of channel pairs are distributed, at the last logged step and at the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from nano_u.reporting.figure_style import BLUE, INK, SMALL, compact_axes, say_instead
from nano_u.reporting.monitored_run import Correlations, MonitoredRun

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class CorrelationHistogram:
    """Shares of the channel pairs of all layers in equal bins of abs(r); None where none was recorded."""

    edges: tuple[float, ...]
    last: tuple[float, ...] | None
    first: tuple[float, ...] | None
    pairs: int
    """Channel pairs at the last recorded step."""
    reason: str = ""
    """Why there is nothing."""


def correlation_histogram(run: MonitoredRun) -> CorrelationHistogram:
    """The recorded histograms of a run, summed over its layers; never anything else than what was recorded."""
    found = run.correlations
    if found is None:
        return CorrelationHistogram((), None, None, 0, f"{NOT_RECORDED}: there is no file of correlations")
    steps = np.flatnonzero(found.recorded.any(axis=1))
    if not len(steps):
        return CorrelationHistogram((), None, None, 0, f"{NOT_RECORDED}: no layer has two live channels")
    last = _counts(found, int(steps[-1]))
    first = _counts(found, int(steps[0])) if len(steps) > 1 else None
    return CorrelationHistogram(
        tuple(float(edge) for edge in found.bin_edges),
        _shares(last),
        None if first is None else _shares(first),
        int(last.sum()),
    )


def draw_correlation_histogram(data: CorrelationHistogram, axes: Axes, *, title: str) -> None:
    """Bars of the last step, the first as an outline."""
    compact_axes(axes, title=title, x_label="|r| of a channel pair", y_label="share of pairs (%)")
    if data.last is None:
        axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
        say_instead(axes, data.reason.replace(": ", ":\n"))
        return
    percent = [100 * share for share in data.last]
    axes.stairs(percent, data.edges, fill=True, color=BLUE, alpha=0.75, label=f"last step, {data.pairs:,} pairs")
    if data.first is not None:
        axes.stairs([100 * share for share in data.first], data.edges, color=INK, linewidth=1.2, label="first step")
    axes.set_xlim(0, 1)
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK)


def _counts(found: Correlations, step: int) -> np.ndarray:
    counts: np.ndarray = found.histograms[step][found.recorded[step]].sum(axis=0)
    return counts


def _shares(counts: np.ndarray) -> tuple[float, ...]:
    total = max(int(counts.sum()), 1)
    return tuple(float(count) / total for count in counts)
