"""Layers against training as colour, and the correlation matrix of one layer's channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from nano_u.config import did_you_mean
from nano_u.errors import ConfigError
from nano_u.reporting.figure_style import (
    INK,
    PAGE,
    SMALL,
    compact_axes,
    in_lines,
    new_figure,
    say_instead,
    shortened,
)
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.training_axis import TrainingAxis, training_axis

SCORES, CORRELATIONS, UNDEFINED = "cividis", "RdBu_r", "#B9B9B9"
"""Colour maps that the colour-blind read as others do, and the colour of what is not defined."""

LONGEST_TITLE = 30
"""Characters that fit over the matrix, however long the names at its left."""

LARGEST_NUMBERED = 16
"""Channels up to which every one has its number on the axis."""


@dataclass(frozen=True)
class ChannelCorrelation:
    """`(channels, channels)` of r in [-1, 1] at the last step that recorded it; NaN where a channel is dead."""

    layer: str
    matrix: npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerHeatmap:
    """`(layers, steps)` redundancy scores in [0, 1], NaN where not defined, layers in network order."""

    axis: TrainingAxis
    layers: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    correlation: ChannelCorrelation | None
    """None where no matrix was recorded."""


def layer_heatmap(run: MonitoredRun, layer: str | None = None) -> LayerHeatmap:
    """What the picture shows: all layers over training, and the matrix of `layer`, by default the most redundant one.

    Raises:
        ConfigError: the run has no file of layers, or no matrix of a layer of that name.
    """
    scores = run.layer_scores()
    if not scores:
        raise ConfigError(f"{run.metrics_path}: a heatmap needs the file of layers beside it; {' '.join(run.absent)}")
    matrix = np.array(list(scores.values()), dtype=np.float64)  # None becomes NaN
    return LayerHeatmap(training_axis(run.steps), tuple(scores), matrix, channel_correlation(run, layer))


def channel_correlation(run: MonitoredRun, layer: str | None = None) -> ChannelCorrelation | None:
    """The last matrix of `layer`, by default of the layer whose last score is highest; None where none was recorded."""
    matrices = {} if run.correlations is None else run.correlations.matrices
    if layer is not None:
        if layer not in matrices:
            raise ConfigError(
                f"{run.metrics_path}: no correlation matrix of layer {layer!r}{did_you_mean(layer, matrices)}"
            )
        return ChannelCorrelation(layer, np.asarray(matrices[layer]))
    ranked = [entry for entry in run.steps[-1].layers if entry.redundancy_score is not None and entry.layer in matrices]
    if not ranked:
        return None
    worst = max(ranked, key=lambda entry: entry.redundancy_score or 0.0)
    return ChannelCorrelation(worst.layer, np.asarray(matrices[worst.layer]))


def draw_heatmap(data: LayerHeatmap, *, title: str = "Redundancy of every layer over training") -> Figure:
    """Layers over training at the left, the correlation matrix of one layer at the right."""
    height = max(3.4, 1.2 + 0.15 * len(data.layers))
    figure = new_figure(PAGE, height)
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    # Over both panels, since the left one is too narrow for the name of a model.
    text = in_lines(title, PAGE)
    figure.suptitle(text, x=0.01, ha="left", fontsize=9, fontweight="bold", color=INK, parse_math=False)
    _draw_scores(data, left, "")
    if data.correlation is None:
        right.set_axis_off()
        say_instead(right, "no correlation matrix recorded")
    else:
        draw_correlation_matrix(data.correlation, right)
    return figure


def draw_layer_scores(data: LayerHeatmap, *, title: str = "Redundancy of every layer over training") -> Figure:
    """Layers over training alone."""
    figure = new_figure(0.72 * PAGE, max(2.4, 1.2 + 0.15 * len(data.layers)))
    _draw_scores(data, figure.add_subplot(), in_lines(title, 2.4))
    return figure


def draw_correlation_matrix(data: ChannelCorrelation, axes: Axes) -> None:
    """Blue for opposite, white for independent, red for equal channels; grey where one of the two is dead."""
    channels = len(data.matrix)
    compact_axes(axes, title="", x_label="channel", y_label="channel")
    axes.set_title(
        f"r between channels\n{shortened(data.layer, LONGEST_TITLE)}",
        loc="left",
        fontsize=8,
        color=INK,
        parse_math=False,
    )
    image = axes.imshow(_masked(data.matrix), cmap=_colours(CORRELATIONS), vmin=-1, vmax=1, interpolation="nearest")
    _count_channels(axes, channels)
    _colour_bar(axes, image, "correlation r")


def _draw_scores(data: LayerHeatmap, axes: Axes, title: str) -> None:
    compact_axes(axes, title=title, x_label=data.axis.label, y_label="")
    image = axes.imshow(
        _masked(data.scores), cmap=_colours(SCORES), vmin=0, vmax=1, aspect="auto", interpolation="nearest"
    )
    size = SMALL if len(data.layers) <= 45 else max(3.0, SMALL * 45 / len(data.layers))
    axes.set_yticks(range(len(data.layers)), [shortened(name) for name in data.layers], parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=min(size, 6.5))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    shown = [int(tick) for tick in axes.get_xticks() if 0 <= tick < len(data.axis.positions)]
    axes.set_xticks(shown, [str(data.axis.positions[tick]) for tick in shown])
    axes.grid(visible=False)
    _colour_bar(axes, image, "redundancy score")


def _count_channels(axes: Axes, channels: int) -> None:
    step = 1 if channels <= LARGEST_NUMBERED else 4 if channels <= 4 * LARGEST_NUMBERED else channels // 8
    ticks = range(0, channels, step)
    axes.set(xticks=ticks, yticks=ticks)
    axes.tick_params(labelsize=6.5, length=2)
    axes.grid(visible=False)


def _colour_bar(axes: Axes, image: AxesImage, label: str) -> None:
    figure = axes.figure
    assert isinstance(figure, Figure)
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.8, aspect=30, pad=0.02)
    bar.set_label(label, fontsize=SMALL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
    bar.outline.set_visible(False)


def _colours(name: str) -> Colormap:
    return colormaps[name].with_extremes(bad=UNDEFINED)


def _masked(values: npt.NDArray[np.float64]) -> np.ma.MaskedArray:
    return np.ma.masked_invalid(values)
