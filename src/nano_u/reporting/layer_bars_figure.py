"""The redundancy score of every layer as a bar with its interval, and beside it the share that can be removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from nano_u.redundancy import LayerRedundancy
from nano_u.reporting.figure_style import BLUE, GREY, INK, ORANGE, SKY, in_lines, new_figure, quiet_axes, shortened

MAX_BARS = 80
"""More layers than these make a picture that nobody reads; then those with the highest scores are drawn."""

LONGEST_LABEL = 48
WIDTH, INCHES_PER_BAR = 8.2, 0.27


@dataclass(frozen=True)
class LayerBar:
    """One layer; values in [0, 1], None where not defined, and then `text` says why."""

    label: str
    score: float | None
    low: float | None
    high: float | None
    removable: float | None
    reliable: bool
    text: str


@dataclass(frozen=True)
class RedundancyBars:
    """Bars in network order, out of `layers` layers."""

    bars: tuple[LayerBar, ...]
    layers: int


def redundancy_bars(layers: Sequence[LayerRedundancy]) -> RedundancyBars:
    """What the picture shows of the records."""
    shown = list(range(len(layers)))
    if len(layers) > MAX_BARS:
        scores = [-1.0 if layer.redundancy_score is None else layer.redundancy_score for layer in layers]
        shown = sorted(sorted(shown, key=scores.__getitem__)[-MAX_BARS:])
    return RedundancyBars(tuple(_bar(layers[index]) for index in shown), len(layers))


def draw_redundancy_bars(data: RedundancyBars, *, title: str = "Redundancy per layer") -> Figure:
    """One row per layer, the first on top."""
    rows = max(3, len(data.bars))
    figure = new_figure(WIDTH, 1.9 + INCHES_PER_BAR * rows)
    axes = figure.add_subplot()
    if len(data.bars) < data.layers:
        title += f"; the {len(data.bars)} highest scores of {data.layers} layers"
    quiet_axes(axes, title="", x_label="0 = channels independent, 1 = all repeat one", y_label="layer (channels)")
    # Over the labels too: beside them a line that names model, images and mode has no room.
    style = {"ha": "left", "fontsize": 11, "fontweight": "bold", "color": INK, "parse_math": False}
    figure.suptitle(in_lines(title, WIDTH), x=0.012, **style)
    axes.grid(visible=False, axis="y")
    for row, bar in enumerate(data.bars):
        _draw_bar(axes, row, bar)
    axes.set_yticks(range(len(data.bars)), [bar.label for bar in data.bars], parse_math=False)
    axes.tick_params(axis="y", length=0, pad=9)
    axes.set(xlim=(0, 1.1), ylim=(rows - 0.4, -0.6), xticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
    figure.legend(
        handles=_legend(data), loc="outside lower center", ncols=4, fontsize=8.5, frameon=False, labelcolor=INK
    )
    return figure


def _bar(layer: LayerRedundancy) -> LayerBar:
    text = (layer.reason or "not defined") if layer.redundancy_score is None else ""
    return LayerBar(
        f"{shortened(layer.layer, LONGEST_LABEL)}  ({layer.num_channels})",
        layer.redundancy_score,
        layer.score_low,
        layer.score_high,
        layer.removable,
        layer.reliable,
        text,
    )


def _draw_bar(axes: Axes, row: int, bar: LayerBar) -> None:
    if bar.score is None:
        axes.text(0.008, row, bar.text, va="center", fontsize=8, color=GREY, style="italic", parse_math=False)
        return
    if bar.reliable:
        axes.barh(row, bar.score, height=0.66, color=SKY)
    else:
        axes.barh(row, bar.score, height=0.66, facecolor="white", edgecolor=BLUE, hatch="////")
    end = bar.score
    if bar.low is not None and bar.high is not None:
        end = max(end, bar.high)
        below, above = max(0.0, bar.score - bar.low), max(0.0, bar.high - bar.score)
        axes.errorbar(bar.score, row, xerr=[[below], [above]], color=INK, linewidth=1.2, capsize=2.5)
    axes.text(end + 0.012, row, f"{bar.score:.2f}", va="center", fontsize=8, color=INK)
    if bar.removable is not None:
        axes.add_line(_diamond([bar.removable], [row]))


def _diamond(x: Sequence[float], y: Sequence[float]) -> Line2D:
    line = Line2D(x, y, marker="D", markersize=6, linestyle="none", color=ORANGE, zorder=4, clip_on=False)
    line.set(markeredgecolor=INK, markeredgewidth=0.8)
    return line


def _legend(data: RedundancyBars) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [
        Patch(color=SKY, label="redundancy score"),
        Line2D([], [], color=INK, marker="|", markersize=6, linewidth=1.1, label="95 % interval"),
    ]
    if any(bar.score is not None and not bar.reliable for bar in data.bars):
        handles.append(Patch(facecolor="white", edgecolor=BLUE, hatch="////", label="too few samples"))
    if any(bar.removable is not None for bar in data.bars):
        diamond = _diamond([], [])
        diamond.set_label("removable share, where a linear layer reads")
        handles.append(diamond)
    return handles
