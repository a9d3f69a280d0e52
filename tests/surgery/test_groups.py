from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from tests.surgery.networks import group_of, layers, network

from nano_u.errors import ModelError
from nano_u.models import create_bu_net, create_nano_u
from nano_u.quantization.fake_quantization import QuantizedConvolution
from nano_u.surgery import ChannelGroup, Reader, channel_groups


def test_a_chain_is_one_group_per_layer_with_filters() -> None:
    model = network(
        layers.Conv2D(4, 3, padding="same", name="a"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Conv2D(5, 1, name="b"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, name="c"),
    )

    assert channel_groups(model) == (
        ChannelGroup("a", ("a",), 4, (Reader("b", 0, False),), None),
        ChannelGroup("b", ("b",), 5, (Reader("c", 0, False),), None),
        ChannelGroup("c", ("c",), 2, (), "they are an output of the network, c"),
    )


def test_a_skip_is_read_in_two_places_and_concatenations_shift_it() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(4, 1, name="a")(source)
    b = layers.Conv2D(5, 1, name="b")(a)
    both = layers.Concatenate()([b, a, b])
    model = keras.Model(source, layers.Conv2D(1, 3, padding="same", name="end")(both))

    assert group_of(model, "a").readers == (Reader("b", 0, False), Reader("end", 5, True))
    assert group_of(model, "b").readers == (Reader("end", 0, True), Reader("end", 9, True))


def test_layers_whose_channels_are_added_are_one_group() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(4, 1, name="a")(source)
    b = layers.Conv2D(4, 1, name="b")(a)
    model = keras.Model(source, layers.Conv2D(1, 1, name="end")(layers.ReLU()(a + b)))

    group = group_of(model, "a")

    assert group == ChannelGroup("a", ("a", "b"), 4, (Reader("b", 0, False), Reader("end", 0, False)), None)


@pytest.mark.parametrize(
    ("reader", "padded"),
    [
        (layers.Conv2D(2, 1, strides=2, padding="same", name="r"), False),
        (layers.Conv2D(2, 3, padding="same", name="r"), True),
        (layers.Conv2D(2, 3, padding="valid", name="r"), False),
        (layers.Conv2D(2, 2, strides=2, padding="same", name="r"), False),
        (layers.Conv2D(2, (1, 3), padding="same", name="r"), True),
        (layers.SeparableConv2D(2, 3, padding="same", name="r"), False),
        (layers.Conv2DTranspose(2, 2, strides=2, padding="same", name="r"), True),
        (layers.Conv2DTranspose(2, 1, padding="same", name="r"), False),
        (layers.Dense(2, name="r"), False),
    ],
)
def test_an_offset_reaches_every_output_pixel_alike_unless_zeros_are_read_or_phases_differ(
    reader: keras.layers.Layer, padded: bool
) -> None:
    model = network(layers.Conv2D(4, 1, name="a"), reader)

    assert group_of(model, "a").readers == (Reader("r", 0, padded),)


@keras.saving.register_keras_serializable(package="test_surgery")
class Doubling(keras.layers.Layer):
    def call(self, x: object) -> object:
        return x * 2

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def test_channels_that_a_layer_of_unknown_content_reads_stay_whole() -> None:
    model = network(layers.Conv2D(4, 1, name="a"), Doubling(name="doubling"), layers.Conv2D(1, 1))

    assert group_of(model, "a").fixed == "doubling reads them, and what it does is unknown"


class Applied(layers.Layer):
    """A function that no configuration can hold."""

    def __init__(self, function: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)


def test_a_network_that_has_no_configuration_is_described_by_its_calls() -> None:
    doubled = Applied(lambda values: 2 * values, name="doubled")
    model = network(layers.Conv2D(4, 3, name="a"), doubled, layers.Conv2D(5, 1, name="b"), layers.Conv2D(1, 1))

    assert group_of(model, "a").fixed == "doubled reads them, and what it does is unknown"
    assert group_of(model, "b").fixed is None


def test_a_layer_with_weights_of_unknown_content_is_named() -> None:
    model = network(layers.Conv2D(4, 1, name="a"), layers.Conv2D(6, 3, groups=2, name="grouped"), layers.Conv2D(1, 1))

    assert group_of(model, "a").fixed == "grouped reads them, and what it does is unknown"
    assert group_of(model, "grouped").fixed == "grouped makes them, and what it does is unknown"
    assert group_of(model, "grouped").width == 6


def test_a_layer_that_runs_twice_and_what_it_reads_stay_whole() -> None:
    source = keras.Input((16, 16, 3))
    shared = layers.Conv2D(4, 1, name="shared")
    x = layers.Conv2D(4, 1, name="a")(source)
    x = shared(shared(x))
    x = layers.Conv2D(4, 1, name="b")(x)
    model = keras.Model(source, layers.Conv2D(1, 1, name="end")(x))

    groups = {group.name: group.fixed for group in channel_groups(model)}

    assert list(groups) == ["a", "shared", "b", "end"]
    assert "a layer that runs more than once" in (groups["a"] or "")
    assert "a layer that runs more than once" in (groups["shared"] or "")
    assert groups["b"] is None


def test_what_touches_a_nested_model_stays_whole() -> None:
    inside = keras.Input((16, 16, 4))
    block = keras.Model(inside, layers.ReLU()(layers.Conv2D(4, 1, name="deep")(inside)), name="block")
    model = network(layers.Conv2D(4, 1, name="a"), block, layers.Conv2D(3, 1, name="b"), layers.Conv2D(1, 1))

    assert group_of(model, "a").fixed == "they are made or read inside the nested model block"
    assert group_of(model, "block/deep").fixed == "they are made or read inside the nested model block"
    assert group_of(model, "b").fixed is None


def test_in_our_networks_only_the_logits_stay_whole() -> None:
    for model in (
        create_nano_u((16, 16, 3), (2, 3), 4),
        create_nano_u((16, 16, 3), (2, 3), 4, skips=True, upsample="after_pointwise", enable_probes=True),
        create_bu_net((16, 16, 3), (2, 3), 4),
    ):
        groups = channel_groups(model)

        assert [group.name for group in groups if group.fixed is not None] == ["logits"]
        assert all(group.readers for group in groups if group.fixed is None)


def test_a_subclassed_model_is_refused() -> None:
    class Ours(keras.Model):
        def call(self, x: object) -> object:
            return x

    with pytest.raises(ModelError, match="only functional and built sequential models can be cut"):
        channel_groups(Ours(name="ours"))


def test_a_network_trained_for_int8_is_refused_with_the_remedy() -> None:
    model = network(QuantizedConvolution(filters=4), layers.ReLU(), layers.Conv2D(1, 1))

    with pytest.raises(ModelError, match=r"cut the float network \(best.keras\) and train it for int8 afterwards"):
        channel_groups(model)
