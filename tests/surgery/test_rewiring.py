from __future__ import annotations

import keras
import numpy as np
import pytest
from tests.surgery.networks import IMAGES, drawn, layers, network

from nano_u import create_nano_u
from nano_u.errors import ModelError
from nano_u.graph import summarise
from nano_u.models import architecture_of
from nano_u.models.layers import UpsampleNearest
from nano_u.surgery import Rewiring, lost_share, rewired_model, rewirings


def by_name(model: keras.Model) -> dict[str, Rewiring]:
    return {rewiring.name: rewiring for rewiring in rewirings(model)}


def output(model: keras.Model) -> np.ndarray:
    return np.asarray(model(IMAGES))


def block(width: int, name: str) -> list[keras.layers.Layer]:
    return [
        layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise"),
        layers.BatchNormalization(name=f"{name}_norm"),
        layers.ReLU(name=f"{name}_relu"),
        layers.Conv2D(width, 1, use_bias=False, name=f"{name}_pointwise"),
        layers.BatchNormalization(name=f"{name}_out_norm"),
        layers.ReLU(name=f"{name}_out"),
    ]


def small(head: bool = True) -> keras.Model:
    """A wide block, one that could go, an upsampling with a block behind it."""
    steps = [*block(4, "a"), *block(4, "b"), UpsampleNearest((2, 2), name="up"), *block(2, "c")]
    return network(*steps, *([layers.Conv2D(1, 1, name="head")] if head else []))


def test_a_block_of_one_width_can_go_and_one_behind_an_upsampling_can_come_before_it() -> None:
    found = by_name(small())

    assert list(found) == ["block:b_depthwise", "upsampling:c_depthwise"]
    assert found["block:b_depthwise"].chain[0] == "b_depthwise"
    assert found["block:b_depthwise"].chain[-1] == "b_out"
    assert found["upsampling:c_depthwise"].upsampling == "up"
    assert found["upsampling:c_depthwise"].text == "c_depthwise to c_out before up"


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("start", [layers.Conv2D, layers.SeparableConv2D])
@pytest.mark.parametrize("largest", [None, 6.0])
def test_chains_of_every_kind_come_before_every_upsampling(
    interpolation: str, start: type[keras.layers.Layer], largest: float | None
) -> None:
    def steps() -> dict[str, keras.layers.Layer]:
        chosen = [
            layers.MaxPooling2D(name="pool"),
            layers.UpSampling2D(interpolation=interpolation, name="up"),
            start(4, 3, padding="same", name="mixer"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(largest, name="relu"),
            layers.Conv2D(1, 1, name="head"),
        ]
        return {layer.name: layer for layer in chosen}

    model, later = network(*steps().values()), steps()
    expected = network(*(later[name] for name in ("pool", "mixer", "norm", "relu", "up", "head")))
    for layer in expected.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())

    rewiring = by_name(model)["upsampling:mixer"]

    assert rewiring == Rewiring("upsampling", ("mixer", "norm", "relu"), "up")
    np.testing.assert_array_equal(output(rewired_model(model, rewiring)), output(expected))


def test_without_a_block_the_network_is_that_of_its_other_layers() -> None:
    model = small()
    expected = network(
        *block(4, "a"), UpsampleNearest((2, 2), name="up"), *block(2, "c"), layers.Conv2D(1, 1, name="head")
    )
    for layer in expected.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights() if layer.weights else [])

    smaller = rewired_model(model, by_name(model)["block:b_depthwise"])

    np.testing.assert_array_equal(output(smaller), output(expected))
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in expected.layers]


def test_a_block_before_its_upsampling_is_a_quarter_of_the_work_and_keeps_all_weights() -> None:
    model = small()
    later = rewired_model(model, by_name(model)["upsampling:c_depthwise"])

    names = [layer.name for layer in later.layers]
    assert names.index("up") == names.index("c_out") + 1
    assert later.output_shape == model.output_shape
    assert later.count_params() == model.count_params()
    for layer in model.layers:
        for ours, theirs in zip(later.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    work = {"before": 32 * 32 * (4 * 9 + 4 * 2), "after": 16 * 16 * (4 * 9 + 4 * 2)}
    saved = summarise(architecture_of(model)).macs - summarise(architecture_of(later)).macs
    assert saved == work["before"] - work["after"]


def test_what_works_on_pixels_alone_commutes_with_nearest_upsampling() -> None:
    model = network(
        *block(4, "a"), UpsampleNearest((2, 2), name="up"), layers.Conv2D(2, 1, activation="relu", name="head")
    )
    (rewiring,) = (found for found in rewirings(model) if found.kind == "upsampling")

    later = rewired_model(model, rewiring)

    np.testing.assert_allclose(output(later), output(model), atol=1e-6)
    assert lost_share(model, later, rewiring, IMAGES) < 1e-12


def test_the_lost_share_is_the_change_of_what_is_read_behind_the_chain() -> None:
    model = small()
    rewiring = by_name(model)["block:b_depthwise"]
    tensors = keras.Model(model.input, [model.get_layer("b_out").output, model.get_layer("a_out").output])
    before, after = (np.asarray(values, np.float64) for values in tensors(IMAGES))

    lost = lost_share(model, rewired_model(model, rewiring), rewiring, IMAGES)

    assert lost == pytest.approx(np.square(after - before).mean() / before.var(), rel=1e-5)


@pytest.mark.parametrize("activation", ["relu", "swish", "sigmoid", "softmax"])
def test_a_layer_takes_the_activation_that_it_applies_itself_along(activation: str) -> None:
    model = network(
        layers.MaxPooling2D(name="pool"),
        layers.UpSampling2D(name="up"),
        layers.Conv2D(3, 1, activation=activation, name="mixer"),
        layers.Conv2D(1, 1, activation="sigmoid", name="head"),
    )
    found = by_name(model)

    later = rewired_model(model, found["upsampling:mixer"])

    assert list(found) == ["block:mixer", "upsampling:mixer"]
    np.testing.assert_allclose(output(later), output(model), atol=1e-6)
    assert lost_share(model, later, found["upsampling:mixer"], IMAGES) < 1e-12


def test_a_chain_goes_on_behind_an_activation_of_any_kind_and_does_not_meet_its_own_input_in_an_addition() -> None:
    image = keras.Input((16, 16, 3), name="image")
    a = layers.Conv2D(4, 3, padding="same", name="a")(image)
    b = layers.DepthwiseConv2D(3, padding="same", activation="swish", name="b")(a)
    c = layers.Conv2D(4, 1, activation="swish", name="c")(b)
    d = layers.Conv2D(4, 3, padding="same", activation="swish", name="d")(c)
    model = drawn(keras.Model(image, layers.Conv2D(1, 1, name="head")(layers.Add(name="sum")([c, d]))))

    found = by_name(model)

    assert list(found) == ["block:b"]  # without d the sum would be twice c
    assert found["block:b"].chain == ("b", "c")


def test_a_head_with_an_activation_can_come_before_the_upsampling() -> None:
    head = layers.Conv2D(1, 1, activation="sigmoid", name="head")
    model = network(layers.MaxPooling2D(name="pool"), layers.UpSampling2D(name="up"), head)
    (rewiring,) = rewirings(model)

    later = rewired_model(model, rewiring)

    assert [layer.name for layer in later.layers] == ["image", "pool", "head", "up"]
    assert lost_share(model, later, rewiring, IMAGES) < 1e-12


def test_what_lies_in_a_nested_model_stays_and_may_read_a_chain() -> None:
    inner = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.UpSampling2D(name="inner_up"), layers.Conv2D(2, 1, name="inner_conv")],
        name="inner",
    )
    steps = [layers.Conv2D(3, 3, padding="same", activation="swish", name=name) for name in ("a", "b")]
    model = network(*steps, inner, layers.Conv2D(1, 3, padding="same", name="head"))
    found = by_name(model)

    assert list(found) == ["block:a", "block:b"]
    assert 0 < lost_share(model, rewired_model(model, found["block:b"]), found["block:b"], IMAGES) < np.inf


def test_an_upsampling_that_runs_twice_or_is_an_output_stays_where_it_is() -> None:
    image = keras.Input((16, 16, 3), name="image")
    up = layers.UpSampling2D(name="up")
    first, second = (layers.Conv2D(2, 3, padding="same", name=name)(up(image)) for name in ("a", "b"))
    twice = drawn(keras.Model(image, layers.Concatenate(name="both")([first, second])))
    pooled = layers.UpSampling2D(name="late")(layers.MaxPooling2D(name="pool")(image))
    seen = drawn(keras.Model(image, [pooled, layers.Conv2D(2, 3, padding="same", name="c")(pooled)]))

    assert rewirings(twice) == ()
    assert rewirings(seen) == ()


def test_what_is_lost_is_told_of_the_chain_and_not_of_what_it_is_joined_with() -> None:
    image = keras.Input((16, 16, 3), name="image")
    other = layers.Conv2D(4, 3, padding="same", name="other")(image)
    a = layers.Conv2D(4, 3, padding="same", activation="relu", name="a")(layers.MaxPooling2D(name="pool")(image))
    b = layers.Conv2D(4, 3, padding="same", name="b")(a)
    c = layers.Conv2D(4, 3, padding="same", name="c")(UpsampleNearest((2, 2), name="up")(b))
    joined = layers.Concatenate(name="joined")([other, c])
    model = drawn(keras.Model(image, layers.Conv2D(1, 1, name="head")(joined)))
    values = {name: keras.Model(model.input, model.get_layer(name).output)(IMAGES) for name in ("a", "b", "c")}
    before, block = (np.asarray(values[name], np.float64) for name in ("b", "a"))
    kernel, bias = model.get_layer("c").get_weights()
    early = np.asarray(keras.ops.conv(values["b"], kernel, padding="same") + bias).repeat(2, axis=1).repeat(2, axis=2)
    late = np.asarray(values["c"], np.float64)

    lost = {
        name: lost_share(model, rewired_model(model, rewiring), rewiring, IMAGES)
        for name, rewiring in by_name(model).items()
    }

    assert lost["block:b"] == pytest.approx(np.square(block - before).mean() / before.var(), rel=1e-5)
    assert lost["upsampling:c"] == pytest.approx(np.square(early - late).mean() / late.var(), rel=1e-5)


@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_of_a_block_that_gives_one_value_everywhere_the_value_itself_is_the_measure(constant: float) -> None:
    model = network(layers.Conv2D(3, 1, name="a"), layers.Conv2D(3, 1, name="dead"), layers.Conv2D(1, 1, name="head"))
    model.get_layer("dead").set_weights([np.zeros((1, 1, 3, 3)), np.full(3, constant)])
    rewiring = by_name(model)["block:dead"]
    replaced = np.asarray(keras.Model(model.input, model.get_layer("a").output)(IMAGES), np.float64)

    lost = lost_share(model, rewired_model(model, rewiring), rewiring, IMAGES)

    expected = np.square(replaced - constant).mean() / constant**2 if constant else np.inf
    assert lost == pytest.approx(expected, rel=1e-5)


def test_of_a_dead_block_in_place_of_a_dead_one_nothing_is_lost() -> None:
    model = network(layers.Conv2D(3, 1, name="a"), layers.Conv2D(3, 1, name="dead"), layers.Conv2D(1, 1, name="head"))
    for name in ("a", "dead"):
        model.get_layer(name).set_weights([np.zeros((1, 1, 3, 3)), np.zeros(3)])
    rewiring = by_name(model)["block:dead"]

    assert lost_share(model, rewired_model(model, rewiring), rewiring, IMAGES) == 0


def test_the_rewiring_of_another_network_is_refused_in_words() -> None:
    model = small()
    rewiring = by_name(model)["block:b_depthwise"]
    smaller = rewired_model(model, rewiring)

    with pytest.raises(ModelError, match="has no layer 'b_out'"):
        lost_share(smaller, smaller, rewiring, IMAGES)


def test_what_another_layer_reads_or_joins_stays() -> None:
    image = keras.Input((16, 16, 3), name="image")
    a = layers.Conv2D(4, 3, padding="same", name="a")(image)
    b = layers.Conv2D(4, 3, padding="same", name="b")(a)
    joined = layers.Add(name="sum")([a, b])  # without b it would be twice a
    c = layers.Conv2D(4, 3, padding="same", strides=2, name="c")(joined)
    up = UpsampleNearest((2, 2), name="up")(c)
    skip = layers.Concatenate(name="skip")([up, joined])  # nothing behind it can come before up
    shared = layers.Conv2D(8, 3, padding="same", name="shared")
    d = shared(shared(skip))
    model = drawn(keras.Model(image, layers.Conv2D(1, 1, name="head")(d)))

    assert rewirings(model) == ()


def test_the_default_network_offers_five_blocks_and_both_upsamplings() -> None:
    assert list(by_name(create_nano_u((16, 16, 3), [2, 3], 4))) == [
        "block:encoder1_block2_depthwise",
        "block:encoder2_block2_depthwise",
        "block:bottleneck_block2_depthwise",
        "upsampling:decoder1_block1_depthwise",
        "block:decoder1_block2_depthwise",
        "upsampling:decoder2_block1_depthwise",
        "block:decoder2_block2_depthwise",
    ]


def test_it_goes_on_from_a_rewired_network() -> None:
    model = small()
    for name in ("upsampling:c_depthwise", "block:b_depthwise"):
        model = rewired_model(model, by_name(model)[name])

    assert list(by_name(model)) == ["upsampling:head"]
    model.compile(loss="mse")
    model.fit(IMAGES, output(model), verbose=0)
