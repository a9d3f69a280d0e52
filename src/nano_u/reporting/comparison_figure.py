"""Several monitored runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from nano_u.errors import ConfigError
from nano_u.reporting.figure_style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILION,
    as_written,
    compact_axes,
    new_figure,
    say_instead,
)
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.zones import plotted
from nano_u.runs import MONITOR_DIR

LOOKS = (
    (BLUE, "-", "o"),
    (ORANGE, "--", "s"),
    (GREEN, "-.", "^"),
    (PURPLE, ":", "D"),
    (SKY, (0, (3, 1, 1, 1)), "v"),
    (VERMILION, (0, (5, 1)), "P"),
)
"""Colour, line and marker of each run; they repeat beyond six."""

LONGEST_LABEL = 44
"""Characters of a run's label that fit into a column of the legend."""


@dataclass(frozen=True)
class ComparedRun:
    """One run as the picture shows it, at the last logged step of each epoch; None where a value is not known."""

    label: str
    epochs: tuple[int, ...]
    redundancy: tuple[float | None, ...]
    correlation: tuple[float | None, ...]
    iou_epochs: tuple[int, ...]
    iou: tuple[float | None, ...]
    parameters: int | None
    macs: int | None


def compared_runs(runs: Sequence[MonitoredRun]) -> tuple[ComparedRun, ...]:
    """The runs in the order given, told apart by folder where models share a name; ConfigError for fewer than two."""
    if len(runs) < 2:
        raise ConfigError("a comparison needs two or more runs: --compare a.csv b.csv")
    return tuple(_compared(run, label) for run, label in zip(runs, run_labels(runs), strict=True))


def run_labels(runs: Sequence[MonitoredRun]) -> tuple[str, ...]:
    """The model's name, with as much of the path in front as tells the runs apart."""
    names = [run.name for run in runs]
    if len(set(names)) == len(names):
        return tuple(names)
    folders = [_run_folder(run) for run in runs]
    labels = [f"{folder} ({name})" for folder, name in zip(folders, names, strict=True)]
    if len(set(labels)) < len(labels):
        labels = [str(run.metrics_path) for run in runs]
    if len(set(labels)) < len(labels):
        labels = [f"{label} #{number}" for number, label in enumerate(labels, 1)]
    return tuple(labels)


def draw_comparison(data: Sequence[ComparedRun]) -> Figure:
    """Redundancy and correlation over epochs, validation IoU over epochs, and sizes as bars."""
    labels = drawn_labels([run.label for run in data])
    room_for_bars = 0.6 * max(0, len(data) - len(LOOKS))
    figure = new_figure(PAGE, 5.2 + 0.16 * (-(-len(data) // 2)) + room_for_bars)
    panels = figure.subplots(2, 2)
    _lines(panels[0, 0], data, "Redundancy", "redundancy score (0 to 1)", "redundancy")
    _lines(panels[0, 1], data, "Correlation", "mean |r| (0 to 1)", "correlation")
    _lines(panels[1, 0], data, "Accuracy on validation images", "IoU (0 to 1)", "iou")
    _bars(panels[1, 1], data, labels)
    style: dict[str, Any] = {"loc": "outside lower left", "ncols": 2, "fontsize": SMALL, "frameon": False}
    as_written(figure.legend(panels[0, 0].lines, labels, labelcolor=INK, **style))
    return figure


def drawn_labels(labels: Sequence[str]) -> list[str]:
    """Labels that fit, the middle of long ones left out; numbered where that makes two of them equal."""
    short = [_without_middle(label, LONGEST_LABEL) for label in labels]
    if len(set(short)) == len(short):
        return short
    return [f"{number}: {_without_middle(label, LONGEST_LABEL - 5)}" for number, label in enumerate(labels, 1)]


def _without_middle(text: str, longest: int) -> str:
    end = longest // 3  # the beginning tells more: folders begin with the time
    return text if len(text) <= longest else f"{text[: longest - end - 3]}...{text[-end:]}"


def _compared(run: MonitoredRun, label: str) -> ComparedRun:
    facts = run.facts
    accuracy = () if facts is None else facts.validation_iou
    last_of_epoch = {step.epoch: step for step in run.steps}
    return ComparedRun(
        label,
        tuple(last_of_epoch),
        tuple(step.redundancy_score for step in last_of_epoch.values()),
        tuple(step.correlation_mean for step in last_of_epoch.values()),
        tuple(epoch for epoch, _ in accuracy),
        tuple(iou for _, iou in accuracy),
        None if facts is None else facts.parameters,
        None if facts is None else facts.macs,
    )


def _run_folder(run: MonitoredRun) -> str:
    """The run directory's name where the file lies in its `nas/`, else that of the file's own folder."""
    folder = run.metrics_path.absolute().parent
    return folder.parent.name if folder.name == MONITOR_DIR else folder.name


def _lines(axes: Axes, data: Sequence[ComparedRun], title: str, y_label: str, field: str) -> None:
    compact_axes(axes, title=title, x_label="epoch", y_label=y_label)
    known = False
    for index, run in enumerate(data):
        colour, dashes, marker = LOOKS[index % len(LOOKS)]
        values = getattr(run, field)
        epochs = run.iou_epochs if field == "iou" else run.epochs
        known |= any(value is not None for value in values)
        axes.plot(
            epochs,
            plotted(values),
            color=colour,
            linestyle=dashes,
            linewidth=1.6,
            marker=marker,
            markersize=4,
            markevery=max(1, len(epochs) // 6),
            label=run.label,
        )
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    if not known:
        axes.set_xticks([])
        say_instead(axes, "not recorded")


def _bars(axes: Axes, data: Sequence[ComparedRun], labels: Sequence[str]) -> None:
    """Parameters as bars under the runs' labels, with multiply-accumulates written beside them."""
    compact_axes(axes, title="Size", x_label="parameters", y_label="")
    axes.grid(visible=False, axis="y")
    for index, (run, label) in enumerate(zip(data, labels, strict=True)):
        if run.parameters is not None:
            axes.barh(index + 0.2, run.parameters, color=LOOKS[index % len(LOOKS)][0], height=0.34)
        text = "parameters not recorded" if run.parameters is None else f"{run.parameters:,}"
        text += "" if run.macs is None else f"; {run.macs / 1e6:,.2f} M MACs"
        _beside(axes, text, (run.parameters or 0, index + 0.2))
        _beside(axes, label, (0, index - 0.25))
    largest = max((run.parameters or 0 for run in data), default=0)
    axes.set(xlim=(0, largest * 1.75 or 1), ylim=(len(data) - 0.4, -0.6), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4) if largest else NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _beside(axes: Axes, text: str, point: tuple[float, float]) -> None:
    """Text that begins right of a point."""
    offset: dict[str, Any] = {"xytext": (4, 0), "textcoords": "offset points", "parse_math": False}
    axes.annotate(text, point, va="center", fontsize=SMALL, color=INK, **offset)
