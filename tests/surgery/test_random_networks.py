"""Laws of surgery over small networks drawn at random, with skips and additions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.surgery.networks import IMAGES, TOLERANCE, difference, drawn, layers, outputs, plant_copy

from nano_u.graph import narrowed, summarise
from nano_u.models import FusedBatchNormalization, UpsampleNearest, architecture_of
from nano_u.surgery import (
    channel_groups,
    choose_channels,
    cut_channels,
    lost_share,
    measure_readers,
    removable_channels,
    rewired_model,
    rewirings,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]

WIDTH = 4
STEPS: Mapping[str, Callable[[], keras.layers.Layer]] = {
    "1x1": lambda: layers.Conv2D(WIDTH, 1, use_bias=False),
    "3x3": lambda: layers.Conv2D(WIDTH, 3, padding="same", activation="relu"),
    "swish": lambda: layers.Conv2D(WIDTH, 3, padding="same", activation="swish"),
    "strided": lambda: layers.Conv2D(WIDTH + 1, 3, strides=2, padding="same"),
    "valid": lambda: layers.Conv2D(WIDTH, 2),
    "depthwise": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "separable": lambda: layers.SeparableConv2D(WIDTH, 3, padding="same", activation="relu6"),
    "transposed": lambda: layers.Conv2DTranspose(WIDTH, 2, strides=2, padding="same"),
    "norm": lambda: FusedBatchNormalization(),
    "norm without scale": lambda: layers.BatchNormalization(scale=False),
    "relu": lambda: layers.ReLU(),
    "sigmoid": lambda: layers.Activation("sigmoid"),
    "pool": lambda: layers.MaxPooling2D(2, padding="same"),
    "mean pool": lambda: layers.AveragePooling2D(3, strides=1, padding="same"),
    "nearest": lambda: UpsampleNearest(),
    "bilinear": lambda: layers.UpSampling2D(interpolation="bilinear"),
    "dropout": lambda: layers.Dropout(0.3),
}
ENLARGING = {"transposed", "nearest", "bilinear"}
LARGEST = 16
LIMIT = 1e-11
"""Far above copies, and far below what the nearly linear among these networks let go at the default."""


def random_network(draw: Draw) -> keras.Model:
    """From 16x16 colours through at most seven steps, some of which join earlier tensors, to a 1x1 or dense layer."""
    source = keras.Input((16, 16, 3))
    x = layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(source)
    tensors = [x]
    for _ in range(draw(st.integers(2, 7))):
        x = next_tensor(draw, tensors)
        tensors.append(x)
    if draw(st.booleans()):
        x = layers.Dense(3, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return drawn(keras.Model(source, layers.Dense(2)(x)), seed=draw(st.integers(0, 99)))


def next_tensor(draw: Draw, tensors: list[Any]) -> Any:
    x = tensors[-1]
    fitting = [other for other in tensors[:-1] if other.shape[1:3] == x.shape[1:3]]
    addable = [other for other in fitting if other.shape == x.shape]
    joins = ["concat"] * bool(fitting) + ["add"] * bool(addable)
    if joins and draw(st.booleans()):
        if draw(st.sampled_from(joins)) == "add":
            return layers.Add()([x, draw(st.sampled_from(addable))])
        return layers.Concatenate()([draw(st.sampled_from(fitting)), x])
    grows = 2 * x.shape[1] <= LARGEST
    steps = [name for name in STEPS if (grows or name not in ENLARGING) and (x.shape[1] > 2 or name != "valid")]
    return STEPS[draw(st.sampled_from(steps))]()(x)


@settings(max_examples=30)
@given(st.data())
def test_planted_copies_are_found_and_taking_all_that_adds_nothing_changes_no_output(
    data: st.DataObject,
) -> None:
    model = random_network(data.draw)
    groups = [group for group in channel_groups(model) if group.fixed is None]
    group = data.draw(st.sampled_from(groups))
    source, target = data.draw(st.permutations(range(group.width)))[:2]
    plant_copy(model, group, source, target)
    before = outputs(model)
    moments = measure_readers(model, IMAGES)
    keeps = {one.name: removable_channels(one, model, moments, limit=LIMIT).keep for one in groups}

    surgery = cut_channels(model, keeps, moments)

    assert len(keeps[group.name]) < group.width
    assert not {source, target} <= set(keeps[group.name])
    assert difference(model, surgery.model) < TOLERANCE
    assert max(surgery.residuals.values()) < LIMIT
    np.testing.assert_array_equal(outputs(model), before)


@settings(max_examples=20)
@given(st.data())
def test_a_cut_network_has_the_shape_that_its_record_foretells_and_loses_what_was_expected(data: st.DataObject) -> None:
    model = random_network(data.draw)
    groups = [group for group in channel_groups(model) if group.fixed is None]
    group = data.draw(st.sampled_from(groups))
    count = data.draw(st.integers(1, group.width))
    moments = measure_readers(model, IMAGES)

    choice = choose_channels(group, model, moments, count)
    surgery = cut_channels(model, {group.name: choice.keep}, moments)

    foretold = narrowed(architecture_of(model), dict.fromkeys(group.producers, group.width - count))
    found = architecture_of(surgery.model)
    assert found.shapes == foretold.shapes
    assert summarise(found).macs == summarise(foretold).macs
    np.testing.assert_allclose(sum(surgery.residuals.values()), choice.loss, rtol=1e-6, atol=1e-12)


@settings(deadline=None, max_examples=8)
@given(st.data())
def test_every_rewiring_that_is_offered_can_be_made_and_its_loss_told(data: st.DataObject) -> None:
    model = random_network(data.draw)

    for rewiring in rewirings(model):
        rewired = rewired_model(model, rewiring)

        assert rewired.output_shape == model.output_shape
        assert summarise(architecture_of(rewired)).macs < summarise(architecture_of(model)).macs
        assert lost_share(model, rewired, rewiring, IMAGES) >= 0
