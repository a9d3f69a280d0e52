"""Which tensors lie in memory while each operator runs: the plan of the int8 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nano_u.graph import Architecture, deploy
from nano_u.graph.memory_plan import live_bytes, place_tensors, planned_bytes
from nano_u.reporting.figure_style import (
    INK,
    ORANGE,
    PAGE,
    SKY,
    SMALL,
    as_written,
    compact_axes,
    in_lines,
    new_figure,
    shortened,
)

MOST_NAMED_OPS = 48
"""Operators up to which each has its name under the axis."""


@dataclass(frozen=True)
class TensorSpan:
    """One tensor in the plan: bytes from `offset`, alive from operator `first` to operator `last`."""

    name: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class MemoryTimeline:
    """The plan of a network's activations at int8, batch 1."""

    name: str
    ops: tuple[str, ...]
    live: tuple[int, ...]
    """Bytes that hold data while each operator runs: the bound that no plan beats."""
    tensors: tuple[TensorSpan, ...]
    planned: int
    """Bytes of the whole plan, as TensorFlow Lite Micro's greedy planner makes it, with scratch beside the tensors."""

    @property
    def peak_op(self) -> int:
        """Number of the operator that needs most."""
        return max(range(len(self.live)), key=self.live.__getitem__)

    def is_at_peak(self, span: TensorSpan) -> bool:
        """Whether the tensor is alive while that operator runs."""
        return span.first <= self.peak_op <= span.last


def memory_timeline(architecture: Architecture) -> MemoryTimeline:
    """The timeline of a network with at least one operator."""
    graph = deploy(architecture)
    tensors = tuple(
        TensorSpan(name, place.offset, place.size, place.first, place.last)
        for name, place in place_tensors(graph).items()
    )
    ops = tuple(op.name for op in graph.ops)
    return MemoryTimeline(architecture.name, ops, live_bytes(graph), tensors, planned_bytes(graph))


def draw_memory_timeline(data: MemoryTimeline, *, title: str = "Memory of the int8 activations") -> Figure:
    """Operators from left to right, addresses upwards; each tensor a box over its life, those of the peak in orange."""
    figure = new_figure(PAGE, 4.1)
    axes = figure.add_subplot()
    compact_axes(
        axes, title=in_lines(title, PAGE - 0.5), x_label="operator, in order of execution", y_label="KB (1,024 bytes)"
    )
    axes.grid(visible=False)
    for span in data.tensors:
        _draw_span(axes, span, at_peak=data.is_at_peak(span))
    peak = data.peak_op
    axes.plot(
        [index + 0.5 for index in range(len(data.live))],
        [size / 1024 for size in data.live],
        color=INK,
        linewidth=1.4,
        marker=".",
        markersize=4,
        label="bytes in use",
    )
    label = f"peak {data.live[peak]:,} bytes at {shortened(data.ops[peak])}"
    axes.axvline(peak + 0.5, color=INK, linewidth=0.8, linestyle=":", label=label)
    axes.set(xlim=(0, len(data.ops)), ylim=(0, 1.08 * data.planned / 1024))
    if len(data.ops) <= MOST_NAMED_OPS:
        axes.set_xticks(
            [index + 0.5 for index in range(len(data.ops))],
            [shortened(name) for name in data.ops],
            rotation=90,
            fontsize=6,
            parse_math=False,
        )
    handles, labels = axes.get_legend_handles_labels()
    handles.append(Rectangle((0, 0), 1, 1, facecolor=ORANGE, alpha=0.75))
    handles.append(Rectangle((0, 0), 1, 1, facecolor=SKY, alpha=0.6))
    labels += ["tensor alive at the peak", "other tensor"]
    style: dict[str, Any] = {"loc": "outside lower left", "ncols": 2, "fontsize": SMALL, "frameon": False}
    as_written(figure.legend(handles, labels, labelcolor=INK, **style))
    return figure


def _draw_span(axes: Axes, span: TensorSpan, *, at_peak: bool) -> None:
    left, bottom = span.first, span.offset / 1024
    width, height = span.last - span.first + 1, span.size / 1024
    axes.add_patch(
        Rectangle(
            (left, bottom),
            width,
            height,
            facecolor=ORANGE if at_peak else SKY,
            alpha=0.75 if at_peak else 0.6,
            edgecolor="white",
            linewidth=0.8,
        )
    )
