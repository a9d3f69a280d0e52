"""The bytes that the C keeps, stage by stage, beside what an interpreter would hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nano_u.reporting.certificate import Certificate, CertifiedMemory, StageRow
from nano_u.reporting.figure_style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PAGE,
    SKY,
    SMALL,
    compact_axes,
    in_lines,
    new_figure,
    shortened,
)

MOST_STAGES = 60
"""More stages than these make a picture that nobody reads; then those that keep most are drawn."""

LONGEST_LABEL = 36
INCHES_PER_BAR = 0.19
INCHES_OF_BARS = PAGE - 2.7
INCHES_PER_LETTER = 0.065
STAGE_PREFIX = "stage_"

Kind = Literal["rows", "camera", "stack", "interpreter"]

_COLOURS: dict[Kind, str] = {"rows": BLUE, "camera": SKY, "stack": ORANGE, "interpreter": GREY}
_MEANINGS: dict[Kind, str] = {
    "rows": "state of the network",
    "camera": "state of the camera",
    "stack": "worst stack",
    "interpreter": "tensors of an interpreter",
}


@dataclass(frozen=True)
class Part:
    """Some bytes of one kind."""

    kind: Kind
    size: int


@dataclass(frozen=True)
class Bar:
    """Parts end to end, and what is written beside them."""

    label: str
    parts: tuple[Part, ...]
    text: str

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class CertificateBars:
    """Bars of what is needed in all, the C first, and of what is kept for each stage in the order of the data.

    `stages` is how many stages there are; `kept` also holds the counters, the camera and the stack, so that it adds up
    to the first total where no stage is left out and none shares memory.
    """

    totals: tuple[Bar, ...]
    kept: tuple[Bar, ...]
    stages: int
    left_out: int


def certificate_bars(certificate: Certificate) -> CertificateBars:
    """What the picture shows of a certificate."""
    stages = list(certificate.stages)
    largest = sorted(range(len(stages)), key=lambda index: -stages[index].buffer_bytes)[:MOST_STAGES]
    shown = [stages[index] for index in sorted(largest)]
    kept = (*map(_stage_bar, shown), *_beside_stages(certificate))
    return CertificateBars(_totals(certificate.memory), kept, len(stages), len(stages) - len(shown))


def draw_certificate(certificate: Certificate, *, title: str = "RAM of the C beside an interpreter's") -> Figure:
    """Above, the C and an interpreter on one scale; below, what the C keeps for each stage, the first on top."""
    data = certificate_bars(certificate)
    rows = (len(data.totals), len(data.kept))
    figure = new_figure(PAGE, 1.75 + INCHES_PER_BAR * sum(rows))
    above, below = figure.subplots(2, 1, height_ratios=[rows[0] + 0.6, rows[1] + 0.6], gridspec_kw={"hspace": 0.08})
    _draw_bars(above, data.totals, title)
    part = f", the {data.stages - data.left_out} largest of {data.stages}" if data.left_out else ""
    below_title = f"Kept for each stage{part}" if data.stages else "Kept by the C"
    _draw_bars(below, data.kept, below_title)
    below.set_xlabel("KB (1,024 bytes); each panel has its own scale", fontsize=8, color=INK)
    kinds = [kind for kind in _COLOURS if any(part.kind == kind for bar in data.totals for part in bar.parts)]
    handles = [Patch(color=_COLOURS[kind], label=_MEANINGS[kind]) for kind in kinds]
    style: dict[str, Any] = {"loc": "outside lower left", "ncols": len(handles), "fontsize": SMALL, "frameon": False}
    figure.legend(handles=handles, labelcolor=INK, **style)
    return figure


def _totals(memory: CertifiedMemory) -> tuple[Bar, ...]:
    parts = (
        Part("rows", memory.state_bytes),
        Part("camera", memory.camera_bytes),
        Part("stack", memory.stack_bytes or 0),
    )
    share = f", {memory.ram_bytes / memory.arena_bytes:.0%} of the arena" if memory.arena_bytes else ""
    text = f"{memory.ram_bytes:,} bytes{memory.ram_lacks}{share}"
    bars = [Bar("C, row by row", tuple(part for part in parts if part.size), text)]
    others = (("tensors alive at the peak", memory.live_bytes), ("TensorFlow Lite Micro's arena", memory.arena_bytes))
    for label, size in others:
        if size is not None:
            bars.append(Bar(label, (Part("interpreter", size),), f"{size:,} bytes"))
    return tuple(bars)


def _stage_bar(stage: StageRow) -> Bar:
    rows = f"{stage.rows:,} row{'' if stage.rows == 1 else 's'}"
    label = shortened(stage.name.removeprefix(STAGE_PREFIX), LONGEST_LABEL)
    return Bar(label, (Part("rows", stage.buffer_bytes),), f"{rows}, {stage.buffer_bytes:,} bytes")


def _beside_stages(certificate: Certificate) -> tuple[Bar, ...]:
    """What belongs to no stage: all of the state where stages are not recorded."""
    memory = certificate.memory
    rest = memory.state_bytes - sum(stage.buffer_bytes for stage in certificate.stages)
    parts = (
        ("counters" if certificate.stages else "state of the network", Part("rows", max(0, rest))),
        ("camera", Part("camera", memory.camera_bytes)),
        ("stack", Part("stack", memory.stack_bytes or 0)),
    )
    return tuple(Bar(label, (part,), f"{part.size:,} bytes") for label, part in parts if part.size)


def _draw_bars(axes: Axes, bars: tuple[Bar, ...], title: str) -> None:
    """Bars from the top down, each with its text behind its end."""
    compact_axes(axes, title=in_lines(title, INCHES_OF_BARS), x_label="", y_label="")
    axes.grid(visible=False)
    for row, bar in enumerate(bars):
        begin = 0
        for part in bar.parts:
            axes.barh(row, part.size / 1024, left=begin / 1024, height=0.7, color=_COLOURS[part.kind])
            begin += part.size
    end = _end_of_axis(bars) / 1024
    for row, bar in enumerate(bars):
        look: dict[str, Any] = {"va": "center", "fontsize": SMALL, "color": INK, "parse_math": False}
        axes.text(bar.size / 1024 + 0.012 * end, row, bar.text, **look)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, end), ylim=(len(bars) - 0.4, -0.6))


def _end_of_axis(bars: tuple[Bar, ...]) -> float:
    """Bytes up to which it must reach for every text to have room behind its bar."""
    texts = (INCHES_PER_LETTER * (len(bar.text) + 2) / INCHES_OF_BARS for bar in bars)
    return max([1.0, *(bar.size / max(0.05, 1 - text) for bar, text in zip(bars, texts, strict=True))])
