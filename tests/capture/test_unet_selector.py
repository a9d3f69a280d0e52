from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.capture import ActivationExtractor, UNetLayerSelector
from nano_u.capture.selection import select_layers
from nano_u.errors import ModelError
from nano_u.models import create_bu_net, create_nano_u


def user_unet(join: str = "concat", size: int | None = 16) -> keras.Model:
    """Functional, named by Keras."""
    keras.backend.clear_session()
    inputs = keras.Input((size, size, 3))
    x, skips = inputs, []
    for filters in (2, 3):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    for filters in (3, 2):
        x = layers.Conv2D(filters, 1)(layers.UpSampling2D()(x))
        if join == "operator":
            x = x + skips.pop()
        else:
            x = (layers.Concatenate() if join == "concat" else layers.Add())([x, skips.pop()])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


class Code(keras.Model):
    """Subclassed; its skip is an activation function's result, joined by an operation."""

    def __init__(self, prefix: tuple[str, str, str] = ("enc", "bridge", "dec")) -> None:
        super().__init__(name="code")
        down, middle, up = prefix
        self.down = layers.Conv2D(2, 3, padding="same", activation="relu", name=f"{down}1")
        self.norm = layers.BatchNormalization(name=f"{down}1_bn")
        self.pool = layers.MaxPooling2D(name="pool")
        self.middle = layers.Conv2D(4, 3, padding="same", activation="relu", name=middle)
        self.inner = layers.Conv2D(4, 3, padding="same", activation="relu", name=f"{middle}_inner")
        self.up = layers.UpSampling2D(name="to_image_size")
        self.last = layers.Conv2D(2, 3, padding="same", activation="relu", name=f"{up}1")
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any, training: bool | None = None) -> Any:
        skip = tf.nn.relu(self.norm(self.down(x), training=training))
        x = self.middle(self.pool(skip))
        x = x + self.inner(x)
        return self.logits(self.last(tf.concat([self.up(x), skip], axis=-1)))


def image() -> np.ndarray:
    return np.zeros((1, 16, 16, 3), np.float32)


def test_the_parts_of_our_model() -> None:
    selector = UNetLayerSelector(create_nano_u((8, 8, 3), [2], 3, blocks_per_stage=1, skips=True))

    assert selector.encoder == ("encoder1_block1_depthwise_relu", "encoder1_block1_pointwise_relu")
    assert selector.bottleneck == ("bottleneck_block1_depthwise_relu", "bottleneck_block1_pointwise_relu")
    assert selector.decoder == ("decoder1_block1_depthwise_relu", "decoder1_block1_pointwise_relu")
    assert selector.skip == ("encoder1_block1_pointwise_relu",)
    assert selector.convolutions == (
        *("encoder1_block1_depthwise", "encoder1_block1_pointwise"),
        *("bottleneck_block1_depthwise", "bottleneck_block1_pointwise"),
        *("decoder1_block1_depthwise", "decoder1_block1_pointwise", "logits"),
    )


def test_a_model_without_skips_has_none() -> None:
    assert UNetLayerSelector(create_nano_u((8, 8, 3), [2], 3)).skip == ()


def test_the_teachers_skips() -> None:
    assert UNetLayerSelector(create_bu_net((8, 8, 3), [2, 3], 4)).skip == (
        "encoder1_block3_pointwise_relu",
        "encoder2_block3_pointwise_relu",
    )


@pytest.mark.parametrize("join", ["concat", "add", "operator"])
def test_a_users_unet_is_told_apart_by_resolution(join: str) -> None:
    selector = UNetLayerSelector(user_unet(join))

    assert selector.encoder == ("conv2d", "conv2d_1")
    assert selector.bottleneck == ("conv2d_2",)
    assert selector.decoder == ("conv2d_4", "conv2d_6")
    assert selector.skip == ("conv2d", "conv2d_1")
    assert len(selector.convolutions) == 8


def test_a_size_that_is_not_fixed_needs_an_image() -> None:
    model = user_unet(size=None)

    assert UNetLayerSelector(model).encoder == ()
    assert UNetLayerSelector(model, image()).encoder == ("conv2d", "conv2d_1")
    assert UNetLayerSelector(model, image()).skip == ("conv2d", "conv2d_1")


def test_names_of_a_subclassed_model_decide_and_its_skip_is_found_by_running_it() -> None:
    selector = UNetLayerSelector(Code(), image())

    assert (selector.encoder, selector.bottleneck, selector.decoder) == (
        ("enc1",),
        ("bridge", "bridge_inner"),
        ("dec1",),
    )
    assert selector.skip == ("enc1_bn",)  # what it joins is a ReLU written in the model's code


def test_without_names_and_without_a_run_a_subclassed_model_tells_nothing() -> None:
    model = Code(("a", "b", "c"))

    assert UNetLayerSelector(model).encoder == UNetLayerSelector(model).skip == ()
    selector = UNetLayerSelector(model, image())
    assert (selector.encoder, selector.bottleneck, selector.decoder) == (("a1",), ("b", "b_inner"), ("c1",))


def test_names_alone_do_not_tell_the_skips_of_a_model_that_has_not_run() -> None:
    with pytest.raises(ModelError, match="run it on an image first"):
        _ = UNetLayerSelector(Code()).skip


def test_the_parts_are_what_the_roles_select_and_can_be_extracted() -> None:
    model = create_nano_u((8, 8, 3), [2], 3, skips=True)
    selector = UNetLayerSelector(model)

    for role in ("encoder", "bottleneck", "decoder", "convolutions"):
        assert tuple(select_layers(model, role).outputs.values()) == getattr(selector, role)
    features = ActivationExtractor(model, selector.skip)(image()[:, :8, :8])
    assert tuple(features) == selector.skip


def test_a_shortcut_around_the_bottleneck_alone_is_no_skip() -> None:
    inputs = keras.Input((8, 8, 3))
    skip = layers.Conv2D(4, 1, activation="relu", name="enc1")(inputs)
    low = layers.MaxPooling2D(name="enc1_pool")(skip)
    x = layers.Add(name="bottleneck_add")([low, layers.Conv2D(4, 1, name="bottleneck")(low)])
    x = layers.Concatenate(name="dec1_join")([layers.UpSampling2D(name="dec1_up")(x), skip])

    assert UNetLayerSelector(keras.Model(inputs, layers.Conv2D(1, 1, name="dec1")(x))).skip == ("enc1",)
