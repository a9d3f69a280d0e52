from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nano_u.redundancy import MODEL_SCALAR_FIELDS, GroupMoments, LayerRedundancy, aggregate, measure_layer

MEANS = (
    *("redundancy_score", "correlation_mean", "correlation_std", "correlation_max"),
    *("dominance", "off_diagonal_norm", "decov"),
)


def layer(width: int, *, seed: int = 0, constant: bool = False, **options: Any) -> LayerRedundancy:
    random = np.random.default_rng(seed)
    x = random.standard_normal((40, 9, width)) @ random.standard_normal((width, width))
    moments = GroupMoments.from_samples(0 * x if constant else x, np.arange(40) // 2)
    return measure_layer(moments, layer=f"layer{seed}", mode="training", linear_input=False, **options)


def test_layers_weigh_by_their_channels() -> None:
    small, large = layer(2, seed=1), layer(6, seed=2)

    model = aggregate([small, large])

    for name in MEANS:
        expected = (2 * getattr(small, name) + 6 * getattr(large, name)) / 8
        assert getattr(model, name) == pytest.approx(expected)
    assert small.trace is not None
    assert large.trace is not None
    assert model.trace == pytest.approx(small.trace + large.trace)
    assert model.condition_number == max(small.condition_number or 0, large.condition_number or 0)
    assert (model.num_channels, model.dead_channels, model.num_layers, model.layers_without_score) == (8, 0, 2, 0)


def test_a_layer_scored_on_a_subset_weighs_by_all_its_channels() -> None:
    subset, other = layer(2, seed=1, num_channels=200, channels=[3, 4]), layer(2, seed=2)

    score = aggregate([subset, other]).redundancy_score

    assert score == pytest.approx((200 * subset.redundancy_score + 2 * other.redundancy_score) / 202)  # type: ignore[operator]


def test_layers_without_a_score_are_counted_and_left_out_of_the_means() -> None:
    scored, dead, single = layer(4, seed=1), layer(3, constant=True), layer(1, seed=2)

    model = aggregate([scored, dead, single])

    for name in MEANS:
        assert getattr(model, name) == pytest.approx(getattr(scored, name))
    assert (model.num_channels, model.dead_channels, model.num_layers, model.layers_without_score) == (8, 3, 3, 2)
    assert scored.trace is not None
    assert single.trace is not None
    assert model.trace == pytest.approx(scored.trace + single.trace)


@pytest.mark.parametrize("layers", [[], [layer(1)]], ids=["no layer", "one channel"])
def test_without_a_score_there_is_no_mean(layers: list[LayerRedundancy]) -> None:
    assert aggregate(layers).redundancy_score is None
    assert aggregate([]).trace is None
    assert aggregate([]).condition_number is None


def test_extra_metrics_are_averaged_over_the_layers_that_have_them() -> None:
    both = {"corner": lambda matrix: matrix[0, 0], "infinite": lambda matrix: np.inf}
    layers = [layer(2, seed=1, extra_metrics=both), layer(6, seed=2, extra_metrics={"corner": lambda matrix: 4.0})]

    model = aggregate(layers)

    first = layers[0].extra["corner"]
    assert first is not None
    assert model.extra == {"corner": pytest.approx((2 * first + 6 * 4.0) / 8), "infinite": None}
    assert list(model.scalars()) == [*MODEL_SCALAR_FIELDS, "corner", "infinite"]


def test_the_promised_columns_come_first() -> None:
    promised = ["redundancy_score", "correlation_mean", "correlation_std", "trace", "condition_number"]

    assert list(MODEL_SCALAR_FIELDS[:5]) == promised
