from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
from tests.surgery.networks import (
    IMAGES,
    TOLERANCE,
    copy_last_axis,
    copy_passed,
    difference,
    drawn,
    edit,
    group_of,
    inner,
    layers,
    network,
    plant_copy,
)

from nano_u.errors import ModelError
from nano_u.graph import summarise
from nano_u.models import FusedBatchNormalization, UpsampleNearest, architecture_of, create_bu_net, create_nano_u
from nano_u.surgery import Surgery, channel_groups, cut_channels, measure_readers, removable_channels


def cut_for_nothing(model: keras.Model, name: str, expected: int) -> Surgery:
    """The group `name` down to `expected` channels, all that can go at no loss."""
    moments = measure_readers(model, IMAGES)
    choice = removable_channels(group_of(model, name), model, moments)
    assert len(choice.keep) == expected
    return cut_channels(model, {name: choice.keep}, moments)


def assert_same_and_smaller(model: keras.Model, surgery: Surgery) -> None:
    assert difference(model, surgery.model) < TOLERANCE
    assert max(surgery.residuals.values()) < 1e-9
    before, after = (summarise(architecture_of(one)) for one in (model, surgery.model))
    assert after.macs < before.macs
    assert after.parameters < before.parameters
    assert [layer.name for layer in model.layers] == [layer.name for layer in surgery.model.layers]


def block(reader: keras.layers.Layer, *, seed: int = 0, **norm: bool) -> keras.Model:
    """A depthwise-separable block after the 1x1 convolution `a`, read by `reader`."""
    return network(
        layers.Conv2D(6, 1, name="a"),
        layers.BatchNormalization(name="a_norm", **norm),
        layers.ReLU(name="a_relu"),
        layers.DepthwiseConv2D(3, padding="same", name="d"),
        FusedBatchNormalization(name="d_norm", **norm),
        layers.Activation("relu", name="d_relu"),
        reader,
        layers.BatchNormalization(name="r_norm"),
        layers.ReLU(max_value=6.0, name="r_relu"),
        layers.Conv2D(1, 1, name="end"),
        seed=seed,
    )


READERS = {
    "1x1": lambda: layers.Conv2D(4, 1, name="r"),
    "1x1 without a bias": lambda: layers.Conv2D(4, 1, use_bias=False, name="r"),
    "strided 1x1": lambda: layers.Conv2D(4, 1, strides=2, padding="same", name="r"),
    "padded 3x3": lambda: layers.Conv2D(4, 3, padding="same", name="r"),
    "valid 3x3": lambda: layers.Conv2D(4, 3, strides=2, name="r"),
    "separable": lambda: layers.SeparableConv2D(4, 3, padding="same", name="r"),
    "transposed 2x2": lambda: layers.Conv2DTranspose(4, 2, strides=2, padding="same", name="r"),
    "transposed 3x3": lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same", use_bias=False, name="r"),
    "dense": lambda: layers.Dense(4, name="r"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_an_exact_copy_goes_for_nothing_whatever_reads_it(reader: Callable[[], keras.layers.Layer]) -> None:
    model = block(reader())
    plant_copy(model, group_of(model, "a"), 4, 1)

    surgery = cut_for_nothing(model, "a", 5)

    assert_same_and_smaller(model, surgery)
    assert surgery.model.get_layer("d").kernel.shape == (3, 3, 5, 1)


@pytest.mark.parametrize("norm", [{"scale": False}, {"center": False}, {"scale": False, "center": False}], ids=str)
def test_batch_norms_without_scale_or_offset_are_narrowed(norm: dict[str, bool]) -> None:
    model = block(READERS["1x1"](), seed=4, **norm)
    plant_copy(model, group_of(model, "a"), 0, 5)

    assert_same_and_smaller(model, cut_for_nothing(model, "a", 5))


@pytest.mark.parametrize("reader", ["1x1", "padded 3x3", "transposed 2x2"])
def test_a_scaled_copy_passes_a_relu_and_goes(reader: str) -> None:
    model = network(
        layers.Conv2D(5, 1, activation="relu", name="a"),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="d"),
        layers.ReLU(),
        READERS[reader](),
        layers.ReLU(),
        layers.Conv2D(1, 1),
    )
    edit(model, "a", copy_last_axis(0, 3, scale=2.5))
    edit(model, "d", copy_passed(0, 3))

    assert_same_and_smaller(model, cut_for_nothing(model, "a", 4))


@pytest.mark.parametrize("reader", ["1x1", "1x1 without a bias", "valid 3x3", "dense"])
def test_a_mixture_made_right_before_a_linear_reader_goes(reader: str) -> None:
    model = network(
        layers.Conv2D(8, 3, activation="relu"),
        layers.Conv2D(5, 1, name="a"),
        READERS[reader](),
        layers.ReLU(),
        layers.Conv2D(1, 1),
    )

    def mix(weights: dict[str, np.ndarray]) -> None:
        for values in weights.values():
            values[..., 2] = 0.5 * values[..., 0] - 2 * values[..., 4]

    edit(model, "a", mix)

    assert_same_and_smaller(model, cut_for_nothing(model, "a", 4))


def kill(name: str, value: float) -> Callable[[dict[str, np.ndarray]], None]:
    """Makes channel 2 of the BatchNorm constant."""

    def change(weights: dict[str, np.ndarray]) -> None:
        weights["gamma"][2] = 0
        weights["beta"][2] = value

    return change


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_channel_that_is_zero_goes_whatever_reads_it(reader: Callable[[], keras.layers.Layer]) -> None:
    model = block(reader())
    edit(model, "d_norm", kill("d_norm", -1.0))

    surgery = cut_for_nothing(model, "a", 5)

    assert_same_and_smaller(model, surgery)
    assert surgery.model.get_layer("r").use_bias == model.get_layer("r").use_bias


@pytest.mark.parametrize("reader", ["1x1", "1x1 without a bias", "strided 1x1", "valid 3x3", "dense"])
def test_a_constant_goes_into_the_bias_or_the_batch_norm_behind(reader: str) -> None:
    model = block(READERS[reader]())
    edit(model, "d_norm", kill("d_norm", 0.7))

    surgery = cut_for_nothing(model, "a", 5)

    assert_same_and_smaller(model, surgery)
    assert surgery.model.get_layer("r").use_bias == model.get_layer("r").use_bias


@pytest.mark.parametrize("reader", ["1x1 without a bias", "activation inside"])
def test_a_constant_gets_a_bias_where_no_batch_norm_is_behind(reader: str) -> None:
    activation = "relu" if reader == "activation inside" else None
    model = network(
        layers.Conv2D(4, 1, name="a"),
        layers.BatchNormalization(name="a_norm"),
        layers.ReLU(),
        layers.Conv2D(4, 1, use_bias=False, activation=activation, name="r"),
        layers.BatchNormalization() if activation else layers.ReLU(),
        layers.Conv2D(1, 1),
    )
    edit(model, "a_norm", kill("a_norm", 0.7))

    surgery = cut_for_nothing(model, "a", 3)

    assert difference(model, surgery.model) < TOLERANCE
    assert surgery.model.get_layer("r").use_bias


def test_a_batch_norm_that_is_not_all_that_reads_the_layer_keeps_its_mean() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.ReLU()(layers.BatchNormalization(name="a_norm")(layers.Conv2D(4, 1, name="a")(source)))
    r = layers.Conv2D(4, 1, use_bias=False, name="r")(a)
    both = layers.Concatenate()([layers.BatchNormalization()(r), r])
    model = drawn(keras.Model(source, layers.Conv2D(1, 1)(both)))
    edit(model, "a_norm", kill("a_norm", 0.7))

    assert_same_but_for_a_bias(model, cut_for_nothing(model, "a", 3))


def assert_same_but_for_a_bias(model: keras.Model, surgery: Surgery) -> None:
    assert difference(model, surgery.model) < TOLERANCE
    assert surgery.model.get_layer("r").use_bias


@pytest.mark.parametrize("reader", ["padded 3x3", "transposed 3x3", "transposed 2x2"])
def test_a_constant_before_zeros_is_not_free_and_folding_it_beats_dropping_it(reader: str) -> None:
    model = network(
        layers.Conv2D(5, 1, name="a"), layers.BatchNormalization(name="norm"), layers.ReLU(), READERS[reader]()
    )
    edit(model, "norm", kill("norm", 0.7))
    moments, group, keep = measure_readers(model, IMAGES), group_of(model, "a"), (0, 1, 3, 4)

    surgery = cut_channels(model, {"a": keep}, moments)

    assert len(removable_channels(group, model, moments).keep) == 5
    assert surgery.residuals["r"] > 1e-3
    expected = inner(model, "r")
    folded = ((expected - inner(surgery.model, "r")) ** 2).mean()
    dropped = ((expected - inner(unfolded(model, "r", keep), "r")) ** 2).mean()
    assert 0 < folded < dropped


def unfolded(model: keras.Model, reader: str, keep: Sequence[int]) -> keras.Model:
    """The model whose reader ignores the other channels."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    transposed = isinstance(model.get_layer(reader), layers.Conv2DTranspose)

    def ignore(weights: dict[str, np.ndarray]) -> None:
        kernel = weights["pointwise_kernel" if "pointwise_kernel" in weights else "kernel"]
        kernel = kernel.swapaxes(2, 3) if transposed else kernel
        kernel[:, :, [channel for channel in range(kernel.shape[2]) if channel not in keep]] = 0

    edit(twin, reader, ignore)
    return twin


@pytest.mark.parametrize("reader", ["1x1", "padded 3x3", "valid 3x3", "separable", "transposed 2x2", "transposed 3x3"])
def test_folding_loses_less_than_leaving_channels_out(reader: str) -> None:
    model = network(layers.Conv2D(6, 3, padding="same", activation="relu", name="a"), READERS[reader]())
    keep = (0, 2, 5)

    surgery = cut_channels(model, {"a": keep}, measure_readers(model, IMAGES))

    expected = inner(model, "r")
    folded = ((expected - inner(surgery.model, "r")) ** 2).mean()
    assert folded < 0.5 * ((expected - inner(unfolded(model, "r", keep), "r")) ** 2).mean()


def test_the_fold_equals_least_squares_on_collected_samples() -> None:
    model = network(layers.Conv2D(6, 3, activation="relu", name="a"), layers.Conv2D(4, 1, name="r"))
    keep = [0, 2, 5]

    surgery = cut_channels(model, {"a": keep}, measure_readers(model, IMAGES))

    x, kernel = inner(model, "a"), np.asarray(model.get_layer("r").kernel, np.float64)[0, 0]
    output = x @ kernel + np.asarray(model.get_layer("r").bias, np.float64)
    design = np.column_stack([x[:, keep], np.ones(len(x))])
    expected, *_ = np.linalg.lstsq(design, output, rcond=None)
    folded = surgery.model.get_layer("r")
    np.testing.assert_allclose(np.asarray(folded.kernel)[0, 0], expected[:-1], atol=1e-6)
    np.testing.assert_allclose(np.asarray(folded.bias), expected[-1], atol=1e-6)
    lost = ((output - design @ expected) ** 2).mean(axis=0).sum() / output.var(axis=0).sum()
    assert surgery.residuals["r"] == pytest.approx(lost, rel=1e-5)


def skip_net() -> keras.Model:
    """`a` is read one level deeper by `b`, and beside what comes back up by `end`."""
    source = keras.Input((16, 16, 3))
    a = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(5, 3, padding="same", name="a")(source)))
    down = layers.MaxPooling2D()(a)
    b = layers.ReLU()(layers.Conv2D(4, 3, padding="same", name="b")(down))
    up = UpsampleNearest()(layers.Conv2DTranspose(4, 1, padding="same", name="t")(b))
    both = layers.Concatenate()([up, layers.AveragePooling2D(3, strides=1, padding="same")(a)])
    end = layers.Conv2D(4, 1, use_bias=False, name="end")(both)
    return drawn(keras.Model(source, layers.Conv2D(1, 1)(layers.ReLU()(layers.BatchNormalization()(end)))))


def test_a_skip_connection_is_cut_once_and_folded_twice() -> None:
    model = skip_net()
    plant_copy(model, group_of(model, "a"), 0, 3)

    surgery = cut_for_nothing(model, "a", 4)

    assert_same_and_smaller(model, surgery)
    assert set(surgery.residuals) == {"b", "end"}
    assert surgery.model.get_layer("b").kernel.shape == (3, 3, 4, 4)
    assert surgery.model.get_layer("end").kernel.shape == (1, 1, 8, 4)


def test_several_groups_are_cut_at_once_though_one_layer_reads_them_all() -> None:
    model = skip_net()
    for name, source, target in (("a", 0, 3), ("b", 1, 0), ("t", 3, 2)):
        plant_copy(model, group_of(model, name), source, target)
    moments = measure_readers(model, IMAGES)
    keeps = {name: removable_channels(group_of(model, name), model, moments).keep for name in ("a", "b", "t")}

    surgery = cut_channels(model, keeps, moments)

    assert [len(keep) for keep in keeps.values()] == [4, 3, 3]
    assert_same_and_smaller(model, surgery)
    assert surgery.model.get_layer("end").kernel.shape == (1, 1, 7, 4)


def test_layers_that_are_added_are_cut_alike() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(4, 3, padding="same", name="a")(source)
    b = layers.SeparableConv2D(4, 3, padding="same", name="b")(layers.ReLU()(a))
    c = layers.Conv2DTranspose(4, 2, strides=2, padding="same", name="c")(layers.MaxPooling2D()(a))
    total = layers.Add()([a, b, c])
    model = drawn(keras.Model(source, layers.Conv2D(1, 1)(layers.ReLU()(total))))
    group = group_of(model, "a")
    plant_copy(model, group, 2, 0)

    surgery = cut_for_nothing(model, "a", 3)

    assert group.producers == ("a", "b", "c")
    assert_same_and_smaller(model, surgery)
    assert surgery.model.get_layer("c").kernel.shape == (2, 2, 3, 3)


def test_a_dense_layer_after_a_global_mean_reads_and_is_read() -> None:
    model = network(
        layers.Conv2D(5, 3, padding="same", activation="relu", name="a"),
        layers.SpatialDropout2D(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(6, activation="relu", name="hidden"),
        layers.Dropout(0.5),
        layers.Dense(2),
    )
    plant_copy(model, group_of(model, "a"), 1, 4)
    plant_copy(model, group_of(model, "hidden"), 5, 2)
    moments = measure_readers(model, IMAGES)
    keeps = {name: removable_channels(group_of(model, name), model, moments).keep for name in ("a", "hidden")}

    surgery = cut_channels(model, keeps, moments)

    assert len(keeps["a"]) <= 4
    assert len(keeps["hidden"]) <= 5
    assert_same_and_smaller(model, surgery)


@pytest.mark.parametrize(
    "make",
    [
        lambda: create_nano_u((16, 16, 3), (4, 5), 6),
        lambda: create_nano_u((16, 16, 3), (4, 5), 6, skips=True, upsample="after_pointwise", enable_probes=True),
        lambda: create_bu_net((16, 16, 3), (3, 4), 5),
    ],
    ids=["nano_u", "nano_u with skips", "bu_net"],
)
def test_copies_all_over_our_networks_go_for_nothing(make: Callable[[], keras.Model]) -> None:
    model = drawn(make(), seed=5)
    groups = [group for group in channel_groups(model) if group.fixed is None]
    for group in groups:
        plant_copy(model, group, 0, group.width - 1)
    moments = measure_readers(model, IMAGES)
    keeps = {group.name: removable_channels(group, model, moments).keep for group in groups}

    surgery = cut_channels(model, keeps, moments)

    assert all(len(keeps[group.name]) < group.width for group in groups)
    assert_same_and_smaller(model, surgery)


def test_the_model_is_not_changed_and_the_new_one_trains_and_is_saved(tmp_path: object) -> None:
    model = drawn(create_nano_u((16, 16, 3), (3,), 4))
    config, before = model.to_json(), [weight.tobytes() for weight in model.get_weights()]

    surgery = cut_channels(model, {"encoder1_block1_pointwise": [0, 2]}, measure_readers(model, IMAGES))

    surgery.model.compile("sgd", "mse")
    surgery.model.fit(IMAGES, IMAGES[..., :1], verbose=0)
    surgery.model.save(f"{tmp_path}/cut.keras")
    assert difference(surgery.model, keras.models.load_model(f"{tmp_path}/cut.keras")) < 1e-6
    assert [weight.tobytes() for weight in model.get_weights()] == before
    assert model.to_json() == config


def test_a_sequential_model_is_cut_and_layers_left_whole_are_carried_over() -> None:
    inside = keras.Input((16, 16, 4))
    nested = keras.Model(inside, layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(4, 1)(inside)), name="nested")
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(4, 1, name="a"), nested])
    for layer in (layers.Conv2D(5, 3, name="b"), layers.LayerNormalization(), layers.Conv2D(3, 1, name="c")):
        model.add(layer)
    model.add(layers.Conv2D(1, 1))
    model.compile("adam", "mse")

    surgery = cut_channels(drawn(model), {"c": [0, 2]}, measure_readers(model, IMAGES))

    assert surgery.model.get_layer("c").filters == 2
    for name in ("a", "nested", "b"):
        ours, theirs = (one.get_layer(name).get_weights() for one in (model, surgery.model))
        assert all(np.array_equal(one, two) for one, two in zip(ours, theirs, strict=True))


def test_no_keeps_give_an_equal_copy() -> None:
    model = skip_net()

    surgery = cut_channels(model, {"a": range(5)}, {})

    assert surgery.residuals == {}
    assert difference(model, surgery.model) == 0


@pytest.mark.parametrize(
    ("keeps", "message"),
    [
        ({"c": [0]}, r"no channel group is called 'c'; it has a, r"),
        ({"r": [0]}, r"r: its channels cannot be removed: they are an output of the network, r"),
        ({"a": []}, r"a: cannot keep the channels \[\]; give different ones, at least one, from 0 to 3"),
        ({"a": [1, 1]}, r"a: cannot keep the channels \[1, 1\]"),
        ({"a": [0, 4]}, r"a: cannot keep the channels \[0, 4\]"),
        ({"a": [0, 1]}, r"r: the moments are not those of"),
    ],
)
def test_what_cannot_be_cut_is_one_line(keeps: dict[str, list[int]], message: str) -> None:
    model = network(layers.Conv2D(4, 1, name="a"), layers.Conv2D(2, 1, name="r"))

    with pytest.raises(ModelError, match=message) as caught:
        cut_channels(model, keeps, {})
    assert "\n" not in str(caught.value)
