from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from rich.console import Console
from tests.reporting.monitored import assert_texts_are_apart_and_inside

from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer
from nano_u.reporting import (
    Table,
    draw_redundancy_bars,
    layer_redundancy_table,
    redundancy_bars,
    save_figure,
    write_redundancy_csv,
)
from nano_u.reporting.figure_style import ORANGE, SKY
from nano_u.reporting.layer_bars_figure import MAX_BARS


def record(name: str, channels: int = 4, *, copies: int = 0, images: int = 40, **options: object) -> LayerRedundancy:
    """White noise in which the last `copies` channels repeat the first ones."""
    x = np.random.default_rng(len(name)).normal(size=(images, 16, channels))
    if copies:
        x[..., -copies:] = x[..., :copies]
    moments = GroupMoments.from_samples(x, np.arange(images) % 20)
    settings = {"layer": name, "mode": "inference", "linear_input": True, **options}
    return measure_layer(moments, **settings)  # type: ignore[arg-type]


LAYERS = (
    record("conv1", copies=2, linear_input=False, reads="conv2"),
    record("conv2", copies=2),
    record("skip", linear_input=False),
    record("gate", channels=1),
    record("other_gate", channels=1),
    record("thin", channels=8, images=1),
)


def table(layers: tuple[LayerRedundancy, ...] = LAYERS) -> Table:
    return layer_redundancy_table(layers, aggregate(layers))


def test_rows_are_the_layers_in_order_and_the_models_own() -> None:
    found, model = table(), aggregate(LAYERS)

    assert [row[:3] for row in found.rows] == [
        ("1", "conv1", "4"),
        ("2", "conv2", "4"),
        ("3", "skip", "4"),
        ("4", "gate", "1"),
        ("5", "other_gate", "1"),
        ("6", "thin", "8"),
        ("", "model", "22"),
    ]
    assert found.totals == 1
    conv2 = LAYERS[1]
    assert found.rows[1][3:] == (
        f"{conv2.redundancy_score:.3f}",
        f"{conv2.score_low:.3f}-{conv2.score_high:.3f}",
        "2 of 4",
        f"{conv2.correlation_mean:.3f}",
        f">={conv2.condition_number:.3g}",
        "0",
        f"{int(conv2.effective_samples or 0):,}",
    )
    assert found.rows[-1][3] == f"{model.redundancy_score:.3f}"
    assert found.rows[-1][7] == f">={model.condition_number:.3g}"


def test_a_layer_without_advice_names_the_row_that_has_it_or_the_reason_once() -> None:
    found = table()

    assert [row[5] for row in found.rows] == ["see #2", "2 of 4", "(a)", "(b)", "(b)", "(c)", ""]
    assert found.notes[-3:] == (
        "(a) not read by a linear consumer.",
        "(b) one channel has no other to repeat.",
        f"(c) {LAYERS[5].removable_reason}.",
    )
    assert any("see #n" in note for note in found.notes)
    assert any("2 of 6 layers have no score" in note for note in found.notes)


def test_a_layer_with_too_few_samples_is_a_warning() -> None:
    assert table().warnings == ("fewer than 4 effective samples per channel, so no advice: thin",)
    many = tuple(dataclasses.replace(LAYERS[5], layer=f"thin{number}") for number in range(6))
    assert table(many).warnings[0].endswith("thin0, thin1, thin2, thin3 and 2 more")
    assert table(LAYERS[:2]).warnings == ()


def test_undefined_cells_are_dashes_and_a_subset_of_channels_is_said() -> None:
    subset = dataclasses.replace(LAYERS[1], num_channels=300, sampled_channels=4, keep=None, removable=None)
    subset = dataclasses.replace(subset, removable_reason="scored on 4 of 300 channels; use --exact")

    row, gate = table((subset, LAYERS[3])).rows[:2]

    assert row[2] == "4 of 300"
    assert gate[3:7] == ("-", "-", "(b)", "-")
    assert "(a) scored on 4 of 300 channels; use --exact." in table((subset,)).to_text()


def test_a_narrow_terminal_keeps_the_score_and_what_to_keep() -> None:
    console = Console(width=62, record=True, file=io.StringIO())

    console.print(table())

    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 62
    assert "2 of 4" in text
    assert "Left out for lack of width: " in text


def test_names_are_never_read_as_markup() -> None:
    text = table((record("block[red]/conv"),)).to_text()

    assert "block[red]/conv" in text


def test_the_csv_holds_every_scalar_with_all_its_digits(tmp_path: Path) -> None:
    layers = (*LAYERS[:2], record("own", extra_metrics={"norm": np.linalg.norm}))

    write_redundancy_csv(tmp_path / "new" / "redundancy.csv", layers)

    with (tmp_path / "new" / "redundancy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(layers[2].scalars())
    for row, layer in zip(rows, layers, strict=True):
        for name, value in layer.scalars().items():
            assert row[name] == ("" if value is None else str(value).lower() if isinstance(value, bool) else str(value))
        assert float(row["redundancy_score"]) == layer.redundancy_score
    assert (rows[0]["norm"], rows[1]["keep"]) == ("", " ".join(map(str, LAYERS[1].keep or ())))


def test_bars_are_the_records_in_order() -> None:
    data = redundancy_bars(LAYERS)

    assert [bar.label for bar in data.bars[:2]] == ["conv1  (4)", "conv2  (4)"]
    assert [(bar.score, bar.low, bar.high, bar.removable) for bar in data.bars] == [
        (layer.redundancy_score, layer.score_low, layer.score_high, layer.removable) for layer in LAYERS
    ]
    assert data.bars[3].text == "one channel has no other to repeat"
    assert [bar.reliable for bar in data.bars[4:]] == [False, False]


def test_of_too_many_layers_the_most_redundant_are_drawn_in_order() -> None:
    layers = tuple(
        dataclasses.replace(LAYERS[1], layer=f"layer{number}", redundancy_score=None if number == 0 else 1 / number)
        for number in range(MAX_BARS + 20)
    )

    data = redundancy_bars(layers)

    assert [bar.label for bar in data.bars] == [f"layer{number}  (4)" for number in range(1, MAX_BARS + 1)]
    title = draw_redundancy_bars(data, title="Redundancy").get_suptitle()
    assert title == f"Redundancy; the {MAX_BARS} highest scores of {MAX_BARS + 20} layers"


def test_the_drawing_has_a_bar_whiskers_and_a_diamond_at_the_records_values(tmp_path: Path) -> None:
    figure = draw_redundancy_bars(redundancy_bars(LAYERS), title="Redundancy of net_$1$")

    (axes,) = figure.axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [layer.redundancy_score for layer in LAYERS if layer.redundancy_score is not None]
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == [SKY] * 3 + ["#FFFFFF"]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in diamonds] == [(LAYERS[1].removable, 1)]
    assert to_hex(diamonds[0].get_color()).upper() == ORANGE
    whiskers = [collection.get_segments()[0][:, 0] for collection in axes.collections]
    assert whiskers[1] == pytest.approx([LAYERS[1].score_low, LAYERS[1].score_high])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "redundancy score",
        "95 % interval",
        "too few samples",
        "removable share, where a linear layer reads",
    ]
    assert save_figure(figure, tmp_path / "bars.png").stat().st_size > 10_000


def test_one_layer_without_score_can_be_drawn(tmp_path: Path) -> None:
    figure = draw_redundancy_bars(redundancy_bars(LAYERS[3:4]))

    assert "one channel has no other to repeat" in [text.get_text() for text in figure.axes[0].texts]
    save_figure(figure, tmp_path / "bars.png")


def test_a_long_title_is_never_read_as_mathematics_and_stays_inside() -> None:
    figure = draw_redundancy_bars(redundancy_bars((record("$b_{c$"),)), title="$b_{c$ of a long name " * 9)

    assert_texts_are_apart_and_inside(figure)
    assert figure.get_suptitle().count("\n") == 2
