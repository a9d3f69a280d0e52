"""The redundancy score of every layer, and of the model, over training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nano_u.config import ThresholdsConfig
from nano_u.reporting.bands import Band, redundancy_bands
from nano_u.reporting.figure_style import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SMALL,
    VERMILION,
    as_written,
    compact_axes,
    in_lines,
    new_figure,
    shortened,
)
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis, training_axis
from nano_u.reporting.trend import Trend, trend
from nano_u.reporting.zones import draw_zones, lone_marks, plotted

NAMED_LAYERS = 5
"""So many layers, those that end highest, have a colour and a name; more than that nobody tells apart."""

_Dashes = str | tuple[int, tuple[int, ...]]
_LOOKS: tuple[tuple[str, _Dashes], ...] = (
    (VERMILION, "-"),
    (ORANGE, "--"),
    (PURPLE, "-."),
    (GREEN, ":"),
    (BLUE, (0, (3, 1, 1, 1))),
)


@dataclass(frozen=True)
class LayerLine:
    """A layer's score at every logged step, None where it is not defined, and its last 95 % interval."""

    layer: str
    scores: tuple[float | None, ...]
    low: float | None
    high: float | None

    @property
    def last(self) -> float | None:
        """The score at the last logged step that has one."""
        return next((score for score in reversed(self.scores) if score is not None), None)


@dataclass(frozen=True)
class RedundancyOverTraining:
    """The model's score (mean weighted by channels) and the layers', in network order."""

    axis: TrainingAxis
    model: tuple[float | None, ...]
    layers: tuple[LayerLine, ...]
    bands: tuple[Band, ...]
    trend: Trend

    def named(self) -> tuple[LayerLine, ...]:
        """The `NAMED_LAYERS` layers that end highest, highest first."""
        scored = [line for line in self.layers if line.last is not None]
        return tuple(sorted(scored, key=lambda line: -(line.last or 0.0))[:NAMED_LAYERS])


def redundancy_over_training(run: MonitoredRun, thresholds: ThresholdsConfig) -> RedundancyOverTraining:
    """What the picture shows of a monitored run."""
    scored = (layer for step in run.steps for layer in step.layers if layer.redundancy_score is not None)
    last = {layer.layer: (layer.score_low, layer.score_high) for layer in scored}
    lines = (LayerLine(name, scores, *last.get(name, (None, None))) for name, scores in run.layer_scores().items())
    model = tuple(step.redundancy_score for step in run.steps)
    return RedundancyOverTraining(
        training_axis(run.steps), model, tuple(lines), redundancy_bands(thresholds), trend(model)
    )


def draw_redundancy(data: RedundancyOverTraining, *, title: str = "Redundancy over training") -> Figure:
    """One panel of a paper's width, the names of the highest layers below it."""
    figure = new_figure(COLUMN, 3.0 + 0.14 * min(NAMED_LAYERS, len(data.layers)))
    axes = figure.add_subplot()
    draw_redundancy_panel(data, axes, title=in_lines(title, COLUMN - 0.5))
    legend = figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower left",
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
        handlelength=2.4,
        labelspacing=0.25,
    )
    as_written(legend)
    return figure


def draw_redundancy_panel(data: RedundancyOverTraining, axes: Axes, *, title: str) -> None:
    """Bands behind, all layers in thin grey, the highest in colour with the interval of the last step, the model."""
    compact_axes(axes, title=title, x_label=data.axis.label, y_label="redundancy score (0 to 1)")
    draw_zones(axes, data.bands, data.axis.positions)
    last = next((score for score in reversed(data.model) if score is not None), None)
    label = "model: no score" if last is None else f"{last:.2f}  model, {data.trend.word}"
    model: dict[str, Any] = {
        "color": INK,
        "linewidth": 2.2,
        "markersize": 4,
        "zorder": 3,
        **lone_marks(data.model),
    }
    axes.plot(data.axis.positions, plotted(data.model), label=label, **model)
    for line, (colour, dashes) in zip(data.named(), _LOOKS, strict=False):
        _draw_named(axes, line, data.axis.positions, colour, dashes)
    others = [line for line in data.layers if line not in data.named()]
    for index, line in enumerate(others):
        label = f"{len(others)} other layers" if len(others) > 1 else shortened(line.layer)
        grey: dict[str, Any] = {
            "color": GREY,
            "linewidth": 0.6,
            "alpha": 0.55,
            "markersize": 2,
            **lone_marks(line.scores),
        }
        axes.plot(data.axis.positions, plotted(line.scores), label=label if index == 0 else None, **grey)


def _draw_named(axes: Axes, line: LayerLine, positions: tuple[int, ...], colour: str, dashes: _Dashes) -> None:
    label = f"{line.last:.2f}  {shortened(line.layer)}"
    look: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.3, "markersize": 3}
    axes.plot(positions, plotted(line.scores), label=label, **look, **lone_marks(line.scores))
    if line.last is not None and line.low is not None and line.high is not None:
        spread = [[max(0.0, line.last - line.low)], [max(0.0, line.high - line.last)]]
        last = max(index for index, score in enumerate(line.scores) if score is not None)
        axes.errorbar(positions[last], line.last, yerr=spread, color=colour, linewidth=1, capsize=2)
