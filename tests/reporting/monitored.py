"""Monitored runs written down by hand, and where the texts of a figure lie."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from nano_u.redundancy import LayerRedundancy
from nano_u.reporting.figure_file import save_figure
from nano_u.reporting.monitored_run import Correlations, LoggedStep, MonitoredRun, MonitorFacts

SUFFIXES = (".png", ".svg", ".pdf")
SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
LONG_NAMES = tuple(f"backbone/encoder_stage{index // 10}/block{index % 10}_pointwise_relu" for index in range(40))
"""As many layers with as long names as real networks have."""


def layer(name: str, score: float | None = 0.5, **changed: Any) -> LayerRedundancy:
    """A layer of four channels with this score."""
    fields: dict[str, Any] = {
        "layer": name,
        "mode": "inference",
        "status": "ok" if score is not None else "all_dead",
        "reason": None if score is not None else "every channel is constant",
        "num_channels": 4,
        "sampled_channels": None,
        "samples": 100,
        "images": 10,
        "effective_samples": 50.0,
        "reliable": True,
        "redundancy_score": score,
        "score_low": None,
        "score_high": None,
        "removable": None,
        "removable_reason": None,
        "keep": None,
        "correlation_mean": None,
        "correlation_std": None,
        "correlation_max": None,
        "trace": None,
        "dominance": None,
        "condition_number": None,
        "condition_at_floor": False,
        "rank": None,
        "dead_channels": 0,
        "off_diagonal_norm": None,
        "decov": None,
    }
    return LayerRedundancy(**{**fields, **changed})


def logged(epoch: int, score: float | None = 0.5, *layers: LayerRedundancy, **changed: Any) -> LoggedStep:
    """A step with this score of the model, ten optimizer steps an epoch."""
    fields: dict[str, Any] = {
        "epoch": epoch,
        "step": 10 * epoch,
        "redundancy_score": score,
        "correlation_mean": None,
        "correlation_std": None,
        "trace": None,
        "condition_number": None,
        "num_layers": None,
        "layers": layers,
    }
    return LoggedStep(**{**fields, **changed})


def monitored(
    *steps: LoggedStep,
    name: str = "net",
    path: str = "nas/net_nas_metrics.csv",
    correlations: Correlations | None = None,
    facts: MonitorFacts | None = None,
    absent: tuple[str, ...] = (),
) -> MonitoredRun:
    """A run of these steps."""
    return MonitoredRun(name, Path(path), steps, correlations, facts, None, absent)


def recorded(
    histograms: Sequence[Sequence[Sequence[int] | None]],
    *,
    layers: Sequence[str] = ("a", "b"),
    matrices: Mapping[str, Any] | None = None,
) -> Correlations:
    """Histograms by step and layer in equal bins, None where none was recorded."""
    bins = max((len(counts) for row in histograms for counts in row if counts is not None), default=4)
    # Where nothing was recorded there is rubbish, so that whoever reads it is found out.
    counts = [[[999] * bins if found is None else list(found) for found in row] for row in histograms]
    return Correlations(
        tuple(layers),
        np.linspace(0, 1, bins + 1),
        np.array(counts, np.int64).reshape(len(histograms), len(layers), bins),
        np.array([[found is not None for found in row] for row in histograms], bool).reshape(-1, len(layers)),
        {} if matrices is None else matrices,
    )


def realistic_run(
    *, epochs: int = 40, names: Sequence[str] = LONG_NAMES, name: str = "nano_u_wide_decoder_seed3"
) -> MonitoredRun:
    """A long run of many layers with long names, everything recorded."""
    random = np.random.default_rng(0)
    scores = np.clip(np.linspace(0.05, 0.95, len(names)) + random.normal(0, 0.03, (epochs, len(names))), 0, 1)
    steps = [
        logged(
            epoch,
            float(row.mean()),
            *(
                layer(*pair, score_low=pair[1] * 0.9, score_high=min(1.0, pair[1] * 1.1))
                for pair in zip(names, row.tolist(), strict=True)
            ),
            correlation_mean=float(row.mean()),
            correlation_std=0.2,
            condition_number=10.0 ** (2 + epoch / 8),
        )
        for epoch, row in enumerate(scores, 1)
    ]
    matrix = np.corrcoef(random.normal(size=(16, 30)))
    return monitored(
        *steps,
        name=name,
        path=f"runs/2026-03-14T09-26-53-{name}/nas/{name}_nas_metrics.csv",
        correlations=recorded(
            [[[9, 5, 3, 1]] * len(names)] * epochs, layers=names, matrices=dict.fromkeys(names, matrix)
        ),
        facts=MonitorFacts(name, 123_456_789, 9_876_543_210, tuple((epoch, epoch / 50) for epoch in range(epochs))),
    )


def labels(axes: Axes) -> list[str]:
    """What the panel's lines and areas are called."""
    return axes.get_legend_handles_labels()[1]


def texts(axes: Axes) -> list[str]:
    """What is written into a panel."""
    return [text.get_text() for text in axes.texts]


def line(axes: Axes, label: str) -> tuple[list[float], list[float]]:
    """Abscissae and ordinates of the line with this label, a gap as None."""
    found = next(entry for entry in axes.lines if entry.get_label() == label)
    return list(found.get_xdata()), gaps_as_none(found.get_ydata())


def gaps_as_none(values: Iterable[float]) -> list[Any]:
    """NaN, which equals nothing, as None."""
    return [None if np.isnan(value) else float(value) for value in values]


def save_everywhere(figure: Figure, folder: Path, suffix: str) -> None:
    """Saves the figure and checks that the file is of its suffix."""
    path = save_figure(figure, folder / f"figure{suffix}", dpi=60)

    assert path.read_bytes().startswith(SIGNATURES[suffix])


def assert_texts_are_apart_and_inside(figure: Figure) -> None:
    """No text reaches out of the figure or over another, and none lies under a legend."""
    figure.draw_without_rendering()
    found = list(_text_boxes(figure))
    whole = figure.bbox
    outside = [name for name, box in found if not _holds(whole, box)]
    assert outside == [], f"outside of the figure: {outside}"
    over = [
        (name, other)
        for (name, box), (other, other_box) in itertools.combinations(found, 2)
        if _overlap(box, other_box)
    ]
    assert over == [], f"on each other: {over}"
    for legend in _legends(figure):
        own = [text.get_text() for text in legend.get_texts()]
        assert _holds(whole, legend.get_window_extent()), f"a legend reaches out of the figure: {own}"
        under = [name for name, box in found if name not in own and _overlap(box, legend.get_window_extent())]
        assert under == [], f"under the legend {own}: {under}"


def _legends(figure: Figure) -> list[Legend]:
    return [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()) is not None)]


def _text_boxes(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every visible text and where it lies, tick labels, titles and legends among them."""
    hidden = {text for axes in figure.axes for text in _hidden(axes)}
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text not in hidden:
            yield text.get_text(), _extent(text)


def _hidden(axes: Axes) -> Iterator[Text]:
    """Texts of axes that are switched off, and of ticks beyond the limits."""
    for axis in (axes.xaxis, axes.yaxis):
        is_shown = axes.axison and axis.get_visible()
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.majorTicks, *axis.minorTicks):
            if not (is_shown and low <= tick.get_loc() <= high):
                yield from (tick.label1, tick.label2)
        if not is_shown:
            yield from (axis.label, axis.offsetText)


def _extent(text: Text) -> Bbox:
    """Of the text alone: that of an annotation holds the point that it belongs to."""
    return Text.get_window_extent(text)


def _holds(whole: Bbox, box: Bbox) -> bool:
    return (
        whole.x0 - 0.5 <= box.x0 and whole.y0 - 0.5 <= box.y0 and box.x1 <= whole.x1 + 0.5 and box.y1 <= whole.y1 + 0.5
    )


def _overlap(one: Bbox, other: Bbox) -> bool:
    """Whether both cover more than the half pixel that rounding makes."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > 0.5 and height > 0.5
