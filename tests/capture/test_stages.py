from __future__ import annotations

from collections.abc import Sequence

import keras
import pytest
from keras import layers

from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.selection import select_layers
from nano_u.capture.stages import stage_of_layers, stages_by_size
from nano_u.models import create_nano_u


def automatic_names() -> keras.Model:
    """Keras names every layer: `up_sampling2d` is no sign of a decoder's name."""
    keras.backend.clear_session()
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(3, 3, padding="same", activation="relu")(layers.MaxPooling2D()(x))
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(layers.UpSampling2D()(x))
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


def chain(*names: str) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(2, activation="relu", name=name) for name in names)])


def stages(model: keras.Model) -> dict[str, str]:
    return stage_of_layers(model, layer_tree(model))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("enc1_conv", "bridge", "dec1_conv"), ("encoder", "bottleneck", "decoder")),
        (("encoder_1", "bottleneck_conv", "decoder_1"), ("encoder", "bottleneck", "decoder")),
        (("down2_a", "center", "up2_a"), ("encoder", "bottleneck", "decoder")),
        (("contracting_1", "middle", "expanding_1"), ("encoder", "bottleneck", "decoder")),
        (("Encoder1", "Bottleneck", "Decoder1"), ("encoder", "bottleneck", "decoder")),
    ],
    ids=lambda value: "-".join(value),
)
def test_names_tell_the_stages(names: Sequence[str], expected: Sequence[str]) -> None:
    found = stages(chain(*names, "logits"))

    assert found == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize("names", [("decoupled", "encoding"), ("upper", "downside"), ("recenter",)], ids="-".join)
def test_words_that_only_begin_like_a_stage_do_not_count(names: Sequence[str]) -> None:
    assert stages(chain(*names)) == {}


def test_without_names_the_lowest_resolution_is_the_bottleneck() -> None:
    model = automatic_names()

    assert stages(model) == {
        "input_layer": "encoder",
        "conv2d": "encoder",
        "max_pooling2d": "bottleneck",
        "conv2d_1": "bottleneck",
        "up_sampling2d": "decoder",
        "conv2d_2": "decoder",
        "conv2d_3": "decoder",
    }
    for role, name in {"encoder": "conv2d", "bottleneck": "conv2d_1", "decoder": "conv2d_2"}.items():
        assert list(select_layers(model, role).outputs.values()) == [name]


def test_our_models_name_their_stages() -> None:
    found = stages(create_nano_u((8, 8, 3), [2], 3))

    assert found["encoder1_pool"] == "encoder"
    assert found["bottleneck_block1_depthwise_relu"] == "bottleneck"
    assert found["decoder1_upsample"] == "decoder"
    assert "logits" not in found


def test_one_resolution_tells_nothing() -> None:
    assert stages_by_size({"a": 4, "b": 4}) == {}
    assert stages_by_size({}) == {}
    assert stages(chain("a", "b")) == {}


def test_layers_between_two_of_the_lowest_resolution_belong_to_the_bottleneck() -> None:
    pixels = {"a": 16, "b": 4, "c": 1, "d": 4, "e": 1, "f": 16}

    assert list(stages_by_size(pixels).values()) == ["encoder"] * 2 + ["bottleneck"] * 3 + ["decoder"]
