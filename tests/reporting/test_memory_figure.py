from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from matplotlib.colors import same_color
from tests.reporting.monitored import SUFFIXES, assert_texts_are_apart_and_inside, save_everywhere

from nano_u.graph import Architecture, Node, nano_u, summarise
from nano_u.reporting.figure_style import ORANGE, SKY
from nano_u.reporting.memory_figure import (
    MOST_NAMED_OPS,
    MemoryTimeline,
    TensorSpan,
    draw_memory_timeline,
    memory_timeline,
)


def two_convolutions(width: int = 4) -> Architecture:
    """An image of 4 x 4 x 1, a convolution of `width` channels, another of 2."""
    nodes = (
        Node("image", "input", shape=(4, 4, 1)),
        Node("first", "conv2d", ("image",), filters=width, window=(3, 3)),
        Node("second", "conv2d", ("first",), filters=2, window=(3, 3)),
    )
    return Architecture("two", nodes, ("second",))


def rectangles(axes: object) -> list[tuple[float, float, float, float]]:
    return [(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in axes.patches]  # type: ignore[attr-defined]


def test_two_operators_hold_input_and_output_each() -> None:
    """16 bytes of image, 64 of the first, 32 of the second: the largest lies at the bottom, the others on top of it."""
    assert memory_timeline(two_convolutions()) == MemoryTimeline(
        name="two",
        ops=("first", "second"),
        live=(16 + 64, 64 + 32),
        tensors=(
            TensorSpan("image", 64, 16, 0, 0),
            TensorSpan("first", 0, 64, 0, 1),
            TensorSpan("second", 64, 32, 1, 1),
        ),
        planned=96,
    )


def test_bytes_in_use_are_of_the_data_and_the_plan_is_of_aligned_buffers() -> None:
    nodes = (Node("in", "input", shape=(3, 3, 1)), Node("out", "conv2d", ("in",), filters=1))

    found = memory_timeline(Architecture("odd", nodes, ("out",)))

    assert found.live == (18,)
    assert [(span.offset, span.size) for span in found.tensors] == [(16, 16), (0, 16)]
    assert found.planned == 32


def test_the_plan_holds_what_an_operator_needs_beside_its_tensors() -> None:
    nodes = (
        Node("in", "input", shape=(8, 8, 3)),
        Node("up", "conv2d_transpose", ("in",), filters=4, window=(2, 2), strides=(2, 2)),
    )
    architecture = Architecture("up", nodes, ("up",))

    assert memory_timeline(architecture).planned == summarise(architecture).planned_activation_bytes


def test_the_first_of_equal_peaks_is_named() -> None:
    nodes = (
        Node("in", "input", shape=(4, 4, 1)),
        *(Node(f"op{index}", "conv2d", (f"op{index - 1}" if index else "in",), filters=1) for index in range(3)),
    )

    assert memory_timeline(Architecture("equal", nodes, ("op2",))).peak_op == 0


def test_the_peak_of_the_default_network_is_where_it_was_measured() -> None:
    found = memory_timeline(nano_u())

    assert found.ops[found.peak_op] == "decoder2_block1_depthwise"
    assert max(found.live) == found.live[found.peak_op] == found.planned == 196_608
    assert sorted(span.name for span in found.tensors if found.is_at_peak(span)) == [
        "decoder2_block1_depthwise",
        "decoder2_upsample",
    ]


@pytest.mark.parametrize("architecture", [nano_u(), nano_u(skips=True), nano_u(filters=(4, 8, 16), bottleneck=8)])
def test_tensors_alive_together_lie_apart_and_add_up_to_the_bytes_in_use(architecture: Architecture) -> None:
    found = memory_timeline(architecture)

    for op, size in enumerate(found.live):
        alive = sorted((span.offset, span.size) for span in found.tensors if span.first <= op <= span.last)
        assert all(low + room <= high for (low, room), (high, _) in itertools.pairwise(alive))
        assert 0 <= sum(room for _, room in alive) - size < 16 * len(alive)
    assert found.planned >= max(found.live)


def test_the_boxes_are_the_plan_and_the_line_is_the_bytes_in_use() -> None:
    figure = draw_memory_timeline(memory_timeline(two_convolutions(64)), title="Memory")

    axes = figure.axes[0]
    assert rectangles(axes) == [(0, 1, 1, 1 / 64), (0, 0, 2, 1), (1, 1, 1, 1 / 32)]
    assert [
        same_color(box.get_facecolor()[:3], colour)
        for box, colour in zip(axes.patches, (SKY, ORANGE, ORANGE), strict=True)
    ] == [True] * 3
    in_use, peak = axes.lines
    assert in_use.get_xydata().tolist() == [[0.5, 1 + 1 / 64], [1.5, 1 + 1 / 32]]
    assert list(peak.get_xdata()) == [1.5, 1.5]
    assert axes.get_xlim() == (0, 2)
    assert axes.get_ylim() == (0, pytest.approx(1.08 * (1 + 1 / 32)))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("operator, in order of execution", "KB (1,024 bytes)")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["first", "second"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "bytes in use",
        "peak 1,056 bytes at second",
        "tensor alive at the peak",
        "other tensor",
    ]


@pytest.mark.parametrize(("count", "are_named"), [(MOST_NAMED_OPS, True), (MOST_NAMED_OPS + 1, False)])
def test_operators_have_names_up_to_as_many_as_can_be_read(count: int, are_named: bool) -> None:
    data = MemoryTimeline("net", tuple(f"op{index}" for index in range(count)), (16,) * count, (), 16)

    ticks = [text.get_text() for text in draw_memory_timeline(data).axes[0].get_xticklabels()]

    assert (ticks == list(data.ops)) == are_named


def test_no_name_is_read_as_mathematics(tmp_path: Path) -> None:
    nodes = (Node("in", "input", shape=(3, 3, 1)), Node("$b_{c$", "conv2d", ("in",), filters=1))

    figure = draw_memory_timeline(memory_timeline(Architecture("$b_{c$", nodes, ("$b_{c$",))), title="$b_{c$")

    save_everywhere(figure, tmp_path, ".png")


@pytest.mark.parametrize("operators", [40, 60])
def test_names_of_many_operators_lie_apart_and_inside(operators: int) -> None:
    names = [f"backbone/encoder_stage{index // 10}/block{index % 10}_pointwise_relu" for index in range(operators)]
    nodes = [Node("in", "input", shape=(32, 32, 3))]
    for name in names:
        nodes.append(Node(name, "conv2d", (nodes[-1].name,), filters=8))

    figure = draw_memory_timeline(memory_timeline(Architecture("deep", tuple(nodes), (names[-1],))))

    assert_texts_are_apart_and_inside(figure)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_can_be_saved_as_any_file(tmp_path: Path, suffix: str) -> None:
    figure = draw_memory_timeline(memory_timeline(nano_u()))

    assert_texts_are_apart_and_inside(figure)
    save_everywhere(figure, tmp_path, suffix)
