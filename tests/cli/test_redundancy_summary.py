from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nano_u.cli.redundancy_summary import most_redundant_table
from nano_u.monitoring.record import StepRecord
from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer
from nano_u.workflows.monitoring import Monitored


def layer(name: str, copies: int, *, reads: str | None = None, images: int = 40) -> LayerRedundancy:
    """Four channels of noise, `copies` of which repeat the first."""
    x = np.random.default_rng(0).standard_normal((images, 16, 4))
    x[..., 1 : 1 + copies] = x[..., :1]
    moments = GroupMoments.from_samples(x, np.arange(images) % 20)
    return measure_layer(moments, layer=name, mode="inference", linear_input=reads is None, reads=reads)


def record(epoch: int, *layers: LayerRedundancy) -> StepRecord:
    return StepRecord(epoch, 10 * epoch, layers, aggregate(layers))


def test_the_most_redundant_come_first_with_the_channels_to_keep_and_where_those_were_judged() -> None:
    layers = layer("few", 1), layer("many", 3), layer("before", 2, reads="many"), layer("none", 0, reads="elsewhere")
    first, last = record(1, *layers[:2]), record(5, *layers)

    table = most_redundant_table(Monitored(Path("nas"), first, last), rows=3)

    scores = {each.layer: f"{each.redundancy_score:.3f}" for each in layers}
    assert table.title == "Most redundant layers, epoch 5"
    assert table.rows == (
        ("many", "4", scores["many"], "1 of 4", ""),
        ("before", "4", scores["before"], "1 of 4", "many"),
        ("few", "4", scores["few"], "3 of 4", ""),
        ("model", "16", f"{last.model.redundancy_score:.3f}", "", ""),
    )
    before, after = first.model.redundancy_score, last.model.redundancy_score
    assert f"{before:.3f} -> {after:.3f} since it was first logged (epoch 1, step 10; now step 50)" in table.notes[0]
    assert table.warnings == ()


def test_a_layer_that_is_judged_nowhere_has_no_number_and_one_look_is_no_trend() -> None:
    only = record(2, layer("a", 1, reads="elsewhere"))

    table = most_redundant_table(Monitored(Path("nas"), only, only))

    assert table.rows[0][3:] == ("-", "")
    assert table.notes[0] == "model: mean weighted by channels; logged once."


def test_too_few_samples_give_no_advice() -> None:
    thin = replace(layer("thin", 3), reliable=False)
    only = record(1, thin, layer("fine", 2), layer("reads_thin", 2, reads="thin"))

    table = most_redundant_table(Monitored(Path("nas"), only, only))

    assert [(row[0], row[3]) for row in table.rows] == [
        ("thin", "-"),
        ("fine", "2 of 4"),
        ("reads_thin", "-"),
        ("model", ""),
    ]
    assert table.warnings == ("too few samples, so no advice: thin",)


def test_layers_without_a_score_are_left_out() -> None:
    constant = measure_layer(
        GroupMoments.from_samples(np.ones((40, 16, 4)), np.arange(40) % 20),
        layer="constant",
        mode="inference",
        linear_input=True,
    )

    only = record(1, constant)

    assert [row[0] for row in most_redundant_table(Monitored(Path("nas"), only, only)).rows] == ["model"]
