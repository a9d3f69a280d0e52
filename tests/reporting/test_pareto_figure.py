from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nano_u.errors import ConfigError
from nano_u.reporting.figure_file import save_figure
from nano_u.reporting.pareto_figure import MAX_LABELS, ParetoData, ParetoPoint, draw_pareto, pareto_data


def points(*pairs: tuple[float, float]) -> list[ParetoPoint]:
    """A point for each cost and IoU, called a, b, c, ..."""
    return [ParetoPoint(chr(97 + index), iou, None, None, cost) for index, (cost, iou) in enumerate(pairs)]


def data(*pairs: tuple[float, float], floor: float | None = None) -> ParetoData:
    return pareto_data(points(*pairs), "MACs", "IoU", floor)


def front(*pairs: tuple[float, float]) -> str:
    return "".join(point.label for point in data(*pairs).front)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(1, 0.5)], "a"),
        ([(1, 0.5), (2, 0.6)], "ab"),
        ([(2, 0.6), (1, 0.5)], "ba"),
        ([(1, 0.5), (2, 0.4)], "a"),
        ([(1, 0.5), (2, 0.5)], "a"),
        ([(1, 0.5), (1, 0.6)], "b"),
        ([(1, 0.5), (1, 0.5)], "ab"),
        ([(1, 0.5), (2, 0.7), (3, 0.6), (4, 0.8)], "abd"),
    ],
)
def test_on_the_front_is_what_no_other_beats(pairs: list[tuple[float, float]], expected: str) -> None:
    assert front(*pairs) == expected


def test_the_front_is_that_of_a_sweep_from_cheap_to_dear() -> None:
    """With distinct values a point is on the front exactly if its IoU is a new record."""
    random = np.random.default_rng(0)
    pairs = [(float(cost), float(iou)) for cost, iou in random.uniform(size=(60, 2))]

    found = [(point.cost, point.iou) for point in data(*pairs).front]

    records, best = [], -1.0
    for cost, iou in sorted(pairs):
        if iou > best:
            records.append((cost, iou))
            best = iou
    assert found == records


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def legend(figure: Figure, index: int = 0) -> list[str]:
    return [text.get_text() for text in figure.legends[index].get_texts()]


def test_both_panels_label_every_point_and_share_the_iou_axis(tmp_path: Path) -> None:
    macs, ram = data((1e6, 0.7), (2e6, 0.8), (3e6, 0.75)), data((10, 0.7), (10, 0.8), (30, 0.75))

    figure = draw_pareto((macs, ram))

    left, right = figure.axes
    assert [texts(left), texts(right)] == [["a", "b", "c"]] * 2
    assert left.get_ylim() == right.get_ylim()
    assert [axes.get_xlabel() for axes in figure.axes] == ["MACs", "MACs; equal ones side by side"]
    assert legend(figure) == ["front: no other is as cheap and as good", "beaten"]
    assert save_figure(figure, tmp_path / "pareto.png").stat().st_size > 10_000


@pytest.mark.parametrize(("costs", "scale"), [((1, 10), "linear"), ((1, 10.1), "log"), ((0, 5), "linear")])
def test_costs_that_differ_more_than_tenfold_are_on_a_logarithmic_axis(costs: tuple[float, float], scale: str) -> None:
    figure = draw_pareto((data((costs[0], 0.7), (costs[1], 0.8)),))

    axes = figure.axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] < costs[0] < costs[1] < axes.get_xlim()[1]


def label_boxes(figure: Figure, axes: Axes) -> list[np.ndarray]:
    figure.draw_without_rendering()
    return [text.get_window_extent().extents for text in axes.texts]


@pytest.mark.parametrize("seed", range(4))
def test_no_label_lies_on_another_or_outside_of_its_panel(seed: int) -> None:
    random = np.random.default_rng(seed)
    scattered = [
        ParetoPoint(f"experiment {index}", iou, iou - 0.01, iou + 0.01, cost)
        for index, (cost, iou) in enumerate(random.uniform((1e6, 0.7), (9e6, 0.9), size=(MAX_LABELS, 2)).tolist())
    ]

    figure = draw_pareto((pareto_data(scattered, "MACs", "IoU", 0.68),))

    axes = figure.axes[0]
    boxes = label_boxes(figure, axes)
    for (left, bottom, right, top), (left2, bottom2, right2, top2) in itertools.combinations(boxes, 2):
        assert right <= left2 or right2 <= left or top <= bottom2 or top2 <= bottom
    window = axes.get_window_extent()
    assert all(window.x0 <= left and right <= window.x1 for left, _, right, _ in boxes)
    assert all(window.y0 <= bottom and top <= window.y1 for _, bottom, _, top in boxes)


def test_labels_keep_their_distance_from_the_marks_at_any_resolution() -> None:
    numbered = [ParetoPoint(f"experiment {index}", 0.7, 0.6, 0.8, index) for index in range(1, MAX_LABELS + 2)]
    panel = pareto_data(numbered, "MACs", "IoU", None)
    figure = draw_pareto((panel, panel))
    axes, gaps = figure.axes[1], []

    for dpi in (100, 300):
        figure.set_dpi(dpi)
        corner = label_boxes(figure, axes)[0][:2]
        gaps.append((corner - axes.transData.transform((1, 0.7))) / dpi)

    assert gaps[0] == pytest.approx(gaps[1], abs=0.002)


def test_a_label_with_room_is_level_with_its_mark() -> None:
    figure = draw_pareto((data((1, 0.7), (2, 0.6)),))

    axes = figure.axes[0]
    _, bottom, _, top = label_boxes(figure, axes)[1]
    assert (bottom + top) / 2 == pytest.approx(axes.transData.transform((2, 0.6))[1], abs=1)


def mark_places(axes: Axes) -> list[list[float]]:
    """Middle of every mark, in pixels."""
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    return [line.get_transform().transform(line.get_xydata())[0].tolist() for line in marks]


def test_of_equal_costs_the_best_stands_at_its_cost_and_the_others_beside_it_with_their_labels() -> None:
    figure = draw_pareto((data((5, 0.70), (5, 0.701), (5, 0.699)),))

    axes = figure.axes[0]
    boxes = label_boxes(figure, axes)
    places = mark_places(axes)
    true = axes.transData.transform((5, 0.7))[0]
    beside = [round((x - true) * 72 / figure.dpi, 3) for x, _ in places]
    assert beside == [10, 0, -10]
    for (left, bottom, right, top), (x, y) in itertools.product(boxes, places):
        assert not (left < x + 3 and x - 3 < right and bottom < y + 3 and y - 3 < top)


def test_a_label_far_from_its_mark_is_tied_to_it() -> None:
    crowd = [(1 + 0.001 * index, 0.7 + 0.0001 * index) for index in range(6)]

    counts = []
    for pairs in (crowd[:1], [*crowd, (9, 0.9)]):
        axes = draw_pareto((data(*pairs),)).axes[0]
        ties = [line for line in axes.lines if line.get_linewidth() == 0.6]
        counts.append(len(ties))
        assert all(tie.get_xydata()[0].tolist() in tied_places(axes) for tie in ties)

    assert counts[0] == 0
    assert counts[1] >= 3


def tied_places(axes: Axes) -> list[list[float]]:
    """Middle of every mark in inches, as the ties give them."""
    return [pytest.approx([x / axes.figure.dpi, y / axes.figure.dpi]) for x, y in mark_places(axes)]


@pytest.mark.parametrize("count", [MAX_LABELS, MAX_LABELS + 1, 60])
def test_more_than_eight_points_are_numbered_and_named_beside_the_picture(tmp_path: Path, count: int) -> None:
    names = [f"experiment {index}" for index in range(count)]
    rising = [ParetoPoint(name, 0.5 + 0.001 * index, None, None, index + 1) for index, name in enumerate(names)]

    figure = draw_pareto((pareto_data(rising, "MACs", "IoU", None),))

    numbers = [str(index + 1) for index in range(count)]
    if count <= MAX_LABELS:
        assert texts(figure.axes[0]) == names
        assert len(figure.legends) == 1
    else:
        assert texts(figure.axes[0]) == numbers
        assert legend(figure, 1) == [f"{number}  {name}" for number, name in zip(numbers, names, strict=True)]
    assert save_figure(figure, tmp_path / "pareto.png", dpi=60).exists()


def test_a_long_name_is_numbered_and_keeps_its_end_and_no_name_is_read_as_mathematics(tmp_path: Path) -> None:
    named = [ParetoPoint(label, 0.7, None, None, 5) for label in ("folder/" * 20 + "wide", "$b_{c$", "日本")]

    figure = draw_pareto((pareto_data(named, "MACs", "IoU", None),))

    first, second, third = legend(figure, 1)
    assert first.startswith("1  ...")
    assert first.endswith("folder/wide")
    assert (second, third) == ("2  $b_{c$", "3  日本")
    save_figure(figure, tmp_path / "pareto.png")


@pytest.mark.parametrize(
    ("floor", "label", "lines"),
    [
        (None, None, 0),
        (0.66, "no-learning floor 0.660", 1),
        (0.82, "no-learning floor 0.820", 1),
        (0.3, "no-learning floor 0.300, below the picture", 0),
        (0.99, "no-learning floor 0.990, above the picture", 0),
    ],
)
def test_a_floor_is_a_dotted_line_where_it_is_near_and_named_in_any_case(
    floor: float | None, label: str | None, lines: int
) -> None:
    figure = draw_pareto((data((1, 0.7), (2, 0.8), floor=floor),))

    axes = figure.axes[0]
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert len(dotted) == lines
    assert all(axes.get_ylim()[0] < line.get_ydata()[0] < axes.get_ylim()[1] for line in dotted)
    assert [text for text in legend(figure) if "floor" in text] == ([label] if label else [])


def test_ranges_over_seeds_are_in_view_and_in_the_legend() -> None:
    ranged = [ParetoPoint("a", 0.7, 0.5, 0.95, 1), ParetoPoint("b", 0.8, None, None, 2)]

    figure = draw_pareto((pareto_data(ranged, "MACs", "IoU", None),))

    low, high = figure.axes[0].get_ylim()
    assert low < 0.5 < 0.95 < high
    assert "lowest to highest seed" in legend(figure)


def test_a_single_point_spans_more_than_noise() -> None:
    figure = draw_pareto((data((5, 0.7)),))

    low, high = figure.axes[0].get_ylim()
    assert (low + high) / 2 == pytest.approx(0.7)
    assert high - low > 0.02


@pytest.mark.parametrize("nothing", [(), (pareto_data([], "MACs", "IoU", None),)])
def test_without_points_there_is_nothing_to_draw(nothing: tuple[ParetoData, ...]) -> None:
    with pytest.raises(ConfigError, match="no experiment has both an IoU and a cost; there is nothing to draw"):
        draw_pareto(nothing)
