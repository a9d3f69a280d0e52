from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from nano_u.graph import architectures, narrowed, summarise
from nano_u.graph.budget import Budget
from nano_u.reporting.shrink_steps import ShrinkStep, StepCost
from nano_u.surgery import ChannelGroup
from nano_u.workflows.shrink_moves import Measured, excess, moves, removed, shares_after, times_undone
from nano_u.workflows.shrink_options import ShrinkOptions

NETWORK = architectures.nano_u((16, 16, 3), [8], 16)


def tried(group: str | None, before: int, after: int, *, kept: bool) -> ShrinkStep:
    cost = StepCost(1, 1, 1, 1, 1, 1)
    return ShrinkStep(1, "cut", "", group, before, after, 0.0, 0.5, 0.5, kept, "", cost, 0.0)


def test_a_cut_that_was_undone_is_halved_and_one_filter_ends_it() -> None:
    steps = [
        tried("a", 64, 48, kept=False),
        tried("b", 64, 48, kept=True),
        tried("c", 8, 7, kept=False),
        tried(None, 0, 0, kept=False),
    ]

    assert shares_after(steps) == {"a": 0.125, "c": 0.0}
    assert shares_after([*steps, tried("a", 64, 56, kept=False)])["a"] == 0.0625


def test_a_change_made_as_a_whole_is_not_tried_again() -> None:
    undone = ShrinkStep(
        1, "block", "", "block:b", None, None, 0.5, 0.5, 0.5, False, "", StepCost(1, 1, 1, 1, 1, 1), 0.0
    )

    assert shares_after([undone]) == {"block:b": 0.0}
    assert times_undone([undone, tried("a", 8, 6, kept=False), tried("b", 8, 6, kept=True)]) == {"block:b": 1, "a": 1}


def test_below_the_least_share_a_layer_is_left_alone() -> None:
    undone = [tried("a", 640, 480, kept=False)] * 3

    assert shares_after(undone) == {"a": 1 / 32}
    assert shares_after([*undone, tried("a", 640, 620, kept=False)]) == {"a": 0.0}


def test_a_share_is_rounded_down_but_takes_one_filter_and_leaves_one() -> None:
    widths = {width: ChannelGroup("g", ("g",), width, (), None) for width in (1, 3, 16)}

    assert [removed(group, 0.25) for group in widths.values()] == [0, 1, 4]
    assert removed(widths[16], 0.0) == 0
    assert removed(widths[3], 1.0) == 2


def test_without_a_budget_both_work_and_weights_count() -> None:
    cost = summarise(NETWORK)

    assert excess(NETWORK, None) == pytest.approx(math.log(cost.macs * cost.weight_bytes))


def test_what_keeps_its_limit_counts_nothing_and_what_does_not_counts_by_its_ratio() -> None:
    cost = summarise(NETWORK)
    budget = Budget({"macs": cost.macs // 2, "params": cost.parameters, "flash": cost.flash_estimate_bytes + 1})

    assert excess(NETWORK, budget) == pytest.approx(math.log(cost.macs / (cost.macs // 2)))


def test_one_of_several_layers_at_the_peak_of_ram_is_worth_narrowing_though_the_peak_stays() -> None:
    network = architectures.nano_u((16, 16, 3), [8], 8, pool_sizes=[1])  # every layer holds the same number of bytes
    budget = Budget({"ram": 100})
    smaller = narrowed(network, {"bottleneck_block1_pointwise": 1})

    assert summarise(smaller).peak_activation_bytes == summarise(network).peak_activation_bytes
    assert excess(smaller, budget) < excess(network, budget)


def test_a_cut_that_meets_the_limit_of_ram_is_worth_most() -> None:
    """The limit lies between the activations alone and all that the interpreter holds."""
    network = architectures.nano_u((48, 64, 3), [16, 32], 64)
    budget = Budget({"ram": 200_000})
    cost = summarise(network)
    assert cost.peak_activation_bytes < 200_000 < cost.arena_estimate_bytes
    meets = narrowed(network, {"decoder1_block2_pointwise": 8})
    assert not budget.exceeded(summarise(meets))

    assert excess(network, budget) > excess(narrowed(network, {"encoder1_block1_pointwise": 4}), budget) > 0
    assert excess(meets, budget) == 0


def test_what_computes_something_else_is_trained_as_long_as_at_the_end() -> None:
    options = ShrinkOptions(tuning_epochs=3, final_epochs=20)

    assert [options.epochs_after(kind) for kind in ("cut", "block", "upsampling")] == [3, 20, 20]
    assert ShrinkOptions(tuning_epochs=3, final_epochs=0).epochs_after("block") == 3


IMAGES = np.random.default_rng(0).random((8, 16, 16, 3), np.float32)


def upsampled(activation: str) -> tuple[keras.Model, Measured]:
    """A 3x3 behind an upsampling, and images to measure it on."""
    image = keras.Input((16, 16, 3), name="image")
    pooled = keras.layers.MaxPooling2D(name="pool")(image)
    mixed = keras.layers.Conv2D(3, 3, padding="same", activation=activation, name="mixer")(
        keras.layers.UpSampling2D(name="up")(pooled)
    )
    model = keras.Model(image, keras.layers.Conv2D(1, 1, activation="sigmoid", name="head")(mixed))
    return model, Measured.of(model, IMAGES)


@pytest.mark.parametrize("activation", ["linear", "relu", "swish", "sigmoid"])
def test_layers_of_any_activation_can_be_changed_in_every_way(activation: str) -> None:
    model, measured = upsampled(activation)

    found = {move.name: move for move in moves(model, measured, budget=None)}

    assert {"block:mixer", "upsampling:mixer"} <= set(found)
    assert all(0 < move.loss < math.inf for move in found.values())


def test_a_block_that_gives_nothing_but_zeros_is_no_move_since_its_loss_has_no_measure() -> None:
    model, _ = upsampled("relu")
    model.get_layer("mixer").set_weights([np.zeros((3, 3, 3, 3)), np.zeros(3)])
    measured = Measured.of(model, IMAGES)

    assert {move.kind for move in moves(model, measured, budget=None)} == {"cut", "upsampling"}
