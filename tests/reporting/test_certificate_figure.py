from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from tests.reporting.html.small_certificate import MEMORY, small_certificate
from tests.reporting.monitored import SUFFIXES, assert_texts_are_apart_and_inside, save_everywhere, texts

from nano_u.reporting.certificate import Certificate, StageRow
from nano_u.reporting.certificate_figure import (
    MOST_STAGES,
    Bar,
    CertificateBars,
    Part,
    certificate_bars,
    draw_certificate,
)
from nano_u.reporting.figure_style import BLUE, GREY, ORANGE, SKY


def of_many_stages(count: int, *, name: str = "stage") -> Certificate:
    """Stage n keeps n bytes in n rows, the last of all first."""
    stages = tuple(StageRow(f"stage_{name}{size}", (), 0, size, size) for size in range(count, 0, -1))
    memory = dataclasses.replace(MEMORY, state_bytes=count * (count + 1) // 2)
    return small_certificate(stages=stages, memory=memory)


def boxes(axes: Axes) -> list[tuple[float, float]]:
    """Where each part begins and how long it is, in bytes."""
    return [(round(1024 * box.get_x(), 6), round(1024 * box.get_width(), 6)) for box in axes.patches]  # type: ignore[attr-defined]


def test_the_bars_are_the_certificates_bytes() -> None:
    assert certificate_bars(small_certificate()) == CertificateBars(
        totals=(
            Bar(
                "C, row by row",
                (Part("rows", 2_400), Part("camera", 776), Part("stack", 524)),
                "3,700 bytes, 25% of the arena",
            ),
            Bar("tensors alive at the peak", (Part("interpreter", 12_288),), "12,288 bytes"),
            Bar("TensorFlow Lite Micro's arena", (Part("interpreter", 14_800),), "14,800 bytes"),
        ),
        kept=(
            Bar("input", (Part("rows", 576),), "3 rows, 576 bytes"),
            Bar("encoder", (Part("rows", 1_536),), "3 rows, 1,536 bytes"),
            Bar("logits", (Part("rows", 64),), "1 row, 64 bytes"),
            Bar("counters", (Part("rows", 2_400 - 576 - 1_536 - 64),), "224 bytes"),
            Bar("camera", (Part("camera", 776),), "776 bytes"),
            Bar("stack", (Part("stack", 524),), "524 bytes"),
        ),
        stages=3,
        left_out=0,
    )


def test_what_is_kept_adds_up_to_the_ram_of_the_c() -> None:
    data = certificate_bars(small_certificate())

    assert sum(bar.size for bar in data.kept) == data.totals[0].size == MEMORY.ram_bytes


def test_stages_that_share_memory_have_no_bar_of_less_than_nothing() -> None:
    shared = small_certificate(memory=dataclasses.replace(MEMORY, state_bytes=2_000))

    assert [bar.label for bar in certificate_bars(shared).kept] == ["input", "encoder", "logits", "camera", "stack"]


def test_what_was_not_measured_has_no_bar_and_is_told() -> None:
    bare = dataclasses.replace(MEMORY, camera_bytes=0, stack_bytes=None, arena_bytes=None)

    data = certificate_bars(small_certificate(memory=bare, stages=()))

    assert data == CertificateBars(
        totals=(
            Bar("C, row by row", (Part("rows", 2_400),), "2,400 bytes without stack"),
            Bar("tensors alive at the peak", (Part("interpreter", 12_288),), "12,288 bytes"),
        ),
        kept=(Bar("state of the network", (Part("rows", 2_400),), "2,400 bytes"),),
        stages=0,
        left_out=0,
    )


def test_of_many_stages_those_that_keep_most_are_shown_in_the_order_of_the_data() -> None:
    data = certificate_bars(of_many_stages(MOST_STAGES + 5))

    assert (data.stages, data.left_out) == (MOST_STAGES + 5, 5)
    shown = [bar for bar in data.kept if bar.label.startswith("stage")]
    assert [bar.size for bar in shown] == list(range(MOST_STAGES + 5, 5, -1))
    title = draw_certificate(of_many_stages(MOST_STAGES + 5)).axes[1].get_title(loc="left")
    assert title == f"Kept for each stage, the {MOST_STAGES} largest of {MOST_STAGES + 5}"


def test_the_boxes_are_the_bars_from_the_top_down() -> None:
    figure = draw_certificate(small_certificate(), title="RAM")

    above, below = figure.axes
    assert boxes(above) == [(0, 2_400), (2_400, 776), (3_176, 524), (0, 12_288), (0, 14_800)]
    assert boxes(below) == [(0, 576), (0, 1_536), (0, 64), (0, 224), (0, 776), (0, 524)]
    assert [
        same_color(box.get_facecolor(), colour)
        for axes, colours in ((above, (BLUE, SKY, ORANGE, GREY, GREY)), (below, (*[BLUE] * 4, SKY, ORANGE)))
        for box, colour in zip(axes.patches, colours, strict=True)
    ] == [True] * 11
    assert [label.get_text() for label in above.get_yticklabels()] == [
        "C, row by row",
        "tensors alive at the peak",
        "TensorFlow Lite Micro's arena",
    ]
    assert texts(above) == ["3,700 bytes, 25% of the arena", "12,288 bytes", "14,800 bytes"]
    assert texts(below)[:3] == ["3 rows, 576 bytes", "3 rows, 1,536 bytes", "1 row, 64 bytes"]
    assert all(axes.yaxis_inverted() for axes in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "state of the network",
        "state of the camera",
        "worst stack",
        "tensors of an interpreter",
    ]


@pytest.mark.parametrize(
    "certificate",
    [
        small_certificate(layer="<script>$x_{y$ "),
        small_certificate(stages=(), memory=dataclasses.replace(MEMORY, stack_bytes=None, arena_bytes=None)),
        of_many_stages(40, name="backbone/encoder_stage/block_pointwise_relu_"),
        small_certificate(memory=dataclasses.replace(MEMORY, state_bytes=60_000)),
        small_certificate(memory=dataclasses.replace(MEMORY, state_bytes=2**53 - 1)),
        small_certificate(stages=(), memory=dataclasses.replace(MEMORY, state_bytes=0, live_bytes=0, arena_bytes=0)),
    ],
)
def test_every_text_lies_apart_and_inside_and_none_is_mathematics(tmp_path: Path, certificate: Certificate) -> None:
    figure = draw_certificate(certificate)

    assert_texts_are_apart_and_inside(figure)
    save_everywhere(figure, tmp_path, ".png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_can_be_saved_as_any_file(tmp_path: Path, suffix: str) -> None:
    save_everywhere(draw_certificate(small_certificate()), tmp_path, suffix)
