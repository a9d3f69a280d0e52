from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.errors import ModelError
from nano_u.graph import deploy
from nano_u.models import architecture_of, create_nano_u
from nano_u.quantization import run_integer_tensors
from nano_u.quantization.fake_quantization import ActivationQuantizer, QuantizedConvolution
from nano_u.training import train_quantization_aware
from nano_u.training.batch_norm import batch_norms
from nano_u.training.quantization_aware_model import (
    CONVOLUTIONS,
    RANGE_SUFFIX,
    calibrate,
    carry_back,
    quantization_aware,
    range_groups,
)
from nano_u.training.trained_int8 import trained_int8

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 16, 16, 3), np.uint8)
X = IMAGES.astype(np.float32) / np.float32(255)
MASKS = (IMAGES.mean(axis=-1, keepdims=True) > 128).astype(np.uint8)
CONFIG = {
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 0.01,
    "augmentation": {"enabled": False},
    "quantization": {"epochs": 3, "learning_rate": 0.003},
}


def alive(model: keras.Model) -> keras.Model:
    """The model with random BatchNorm statistics, offsets and gains, so that folding has something to fold."""
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if "moving_variance" in {variable.name for variable in layer.variables}:
            count = layer.gamma.shape[0]
            values = rng.uniform(0.5, 1.5, count), rng.normal(0.2, 0.3, count)
            layer.set_weights([*values, rng.normal(0, 0.2, count), rng.uniform(0.02, 0.3, count)])
    return model


def small(**options: object) -> keras.Model:
    keras.utils.set_random_seed(3)
    return alive(create_nano_u((16, 16, 3), filters=[4], bottleneck=4, blocks_per_stage=1, **options))


def residual() -> keras.Model:
    """Convolutions with bias, an addition, an average pool, a stride of two."""
    keras.utils.set_random_seed(4)
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation=None, name="stem")(image)
    x = keras.layers.ReLU(name="stem_relu")(x)
    y = keras.layers.Conv2D(4, 1, name="side")(x)
    x = keras.layers.Add(name="sum")([x, y])
    x = keras.layers.AveragePooling2D(2, name="average")(x)
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(x), name="residual")


def own_activations() -> keras.Model:
    """Convolutions that apply ReLU themselves, as Keras users write them."""
    keras.utils.set_random_seed(6)
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu", name="second")(x)
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(x), name="own_activations")


MODELS: dict[str, Callable[[], keras.Model]] = {
    "plain": small,
    "skips": lambda: small(skips=True),
    "residual": residual,
    "own activations": own_activations,
}


def twin(model: keras.Model, *, batch_norm: bool = False) -> keras.Model:
    aware = quantization_aware(model, batch_norm=batch_norm)
    calibrate(aware, model, X)
    return aware


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_twin_computes_the_same_but_for_rounding(name: str, batch_norm: bool) -> None:
    model = MODELS[name]()

    outputs = np.asarray(twin(model, batch_norm=batch_norm)(X))

    expected = np.asarray(model(X))
    assert np.abs(outputs - expected).max() < 0.15 * expected.std() + 0.1 * np.abs(expected).max()
    assert np.corrcoef(outputs.ravel(), expected.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("name", MODELS)
def test_the_integer_network_takes_over_trained_ranges_and_weights_exactly(name: str) -> None:
    model = MODELS[name]()
    aware, architecture = twin(model), architecture_of(model)

    graph = trained_int8(aware, architecture)

    groups = range_groups(deploy(architecture))
    for op in graph.ops:
        quantizer = aware.get_layer(f"{groups[op.output]}{RANGE_SUFFIX}")
        tensor = graph.by_name[op.output]
        assert (tensor.scale, tensor.zero_point) == (
            float(np.float32(quantizer.scale_and_zero_point()[0])),
            quantizer.scale_and_zero_point()[1],
        )
        if op.weights is not None:
            layer = aware.get_layer(op.output)
            kernel = op.weights.kernel[0] if layer.depthwise else op.weights.kernel.transpose(1, 2, 3, 0)
            folded, _ = layer.folded()
            np.testing.assert_array_equal(kernel * op.weights.scales, np.asarray(layer._rounded(folded)))
    assert (graph.by_name[graph.input].scale, graph.by_name[graph.input].zero_point) == (
        float(np.float32(1 / 255)),
        -128,
    )


@pytest.mark.parametrize("name", MODELS)
def test_given_the_same_integers_every_layer_is_within_one_step_of_the_integer_network(name: str) -> None:
    model = MODELS[name]()
    aware, architecture = twin(model), architecture_of(model)
    graph = trained_int8(aware, architecture)
    tensors = run_integer_tensors(graph, (IMAGES.astype(np.int16) - 128).astype(np.int8))
    groups = range_groups(deploy(architecture))

    for op in deploy(architecture).ops:
        if op.op not in (*CONVOLUTIONS, "add"):
            continue
        reals = [graph.by_name[source].real(tensors[source]) for source in op.inputs]
        result = aware.get_layer(op.name)(reals[0] if len(reals) == 1 else reals)
        if any(layer.endswith(("relu", "/activation")) for layer in op.layers):
            result = keras.ops.relu(result)
        result = aware.get_layer(f"{groups[op.name]}{RANGE_SUFFIX}")(result)
        tensor = graph.by_name[op.name]
        steps = np.rint(np.asarray(result) / tensor.scale) + tensor.zero_point
        difference = np.abs(steps - tensors[op.name])
        assert difference.max() <= 1
        assert (difference > 0).mean() <= 0.02


def test_tensors_that_are_joined_share_one_range() -> None:
    graph = deploy(architecture_of(small(skips=True)))

    groups = range_groups(graph)

    concat = next(op for op in graph.ops if op.op == "concat")
    assert len({groups[name] for name in (concat.name, *concat.inputs)}) == 1
    pool = next(op for op in graph.ops if op.op == "max_pool2d")
    assert groups[pool.name] == groups[pool.inputs[0]] == groups[concat.name]
    assert len(set(groups.values())) == sum(op.op in CONVOLUTIONS for op in graph.ops) - 1 + 1


@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_go_there_and_back(batch_norm: bool) -> None:
    model, copy = small(), create_nano_u((16, 16, 3), filters=[4], bottleneck=4, blocks_per_stage=1)

    carry_back(quantization_aware(model, batch_norm=batch_norm), copy)

    np.testing.assert_allclose(copy(X), model(X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("center", "scale"), [(False, True), (True, False), (False, False)])
def test_a_batch_norm_without_offset_or_gain_gets_what_was_trained_all_the_same(
    batch_norm: bool, center: bool, scale: bool
) -> None:
    """The twin always has both; here they are what a training might have made of them."""
    aware = quantization_aware(normalised(center=True, scale=True), batch_norm=batch_norm)
    copy = normalised(center=center, scale=scale)
    plain = normalised(center=True, scale=True)

    carry_back(aware, copy)
    carry_back(aware, plain)

    np.testing.assert_allclose(copy(X), plain(X), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(copy(X), normalised(center=True, scale=True)(X), rtol=1e-4, atol=1e-4)


def normalised(*, center: bool, scale: bool) -> keras.Model:
    """BatchNorm behind a convolution with a bias and a depthwise one without, offset and gain far from 0 and 1."""
    keras.utils.set_random_seed(7)
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", bias_initializer="random_normal", name="first")(image)
    x = keras.layers.BatchNormalization(center=center, scale=scale, name="first_norm")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="second")(x)
    x = keras.layers.BatchNormalization(center=center, scale=scale, name="second_norm")(x)
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(x), name="normalised")
    rng = np.random.default_rng(8)
    for name in ("first_norm", "second_norm"):
        gamma, beta, mean, variance = (rng.uniform(*ends, 4) for ends in ((-2, 2), (-1, 1), (-1, 1), (0.1, 2)))
        own = [*([gamma] if scale else []), *([beta] if center else []), mean, variance]
        model.get_layer(name).set_weights(own)
    return model


def test_a_twin_survives_saving(tmp_path: Path) -> None:
    aware = twin(small(skips=True))
    aware.save(tmp_path / "qat.keras")

    copy = keras.saving.load_model(tmp_path / "qat.keras", compile=False)

    np.testing.assert_array_equal(copy(X), aware(X))


def test_an_operator_without_an_int8_form_is_named() -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.UpSampling2D(2, interpolation="bilinear", name="grow")(image))

    with pytest.raises(ModelError, match="grow: a layer of kind 'upsample_bilinear' cannot be trained for int8"):
        quantization_aware(model)


def test_a_separable_convolution_is_named_too() -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.SeparableConv2D(1, 3, padding="same", name="apart")(image))

    with pytest.raises(ModelError, match="apart: a layer of kind 'separable_conv2d' cannot be trained for int8"):
        quantization_aware(model)


@pytest.mark.parametrize("ranges", ["ema", "learned"])
def test_fine_tuning_lowers_the_loss_and_leaves_the_model_as_it_was(ranges: str) -> None:
    model = small()
    before = [weight.copy() for weight in model.get_weights()]
    config = {**CONFIG, "quantization": {"epochs": 12, "learning_rate": 0.01, "ranges": ranges}}

    aware, history = train_quantization_aware(model, config, (IMAGES, MASKS))

    assert history.history["loss"][-1] < history.history["loss"][0] - 0.02
    assert len(history.epoch) == 12
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not any(layer.batch_norm for layer in aware.layers if isinstance(layer, QuantizedConvolution))
    learned = [layer.high.trainable for layer in aware.layers if isinstance(layer, ActivationQuantizer)]
    assert learned == [ranges == "learned"] * len(learned)


@pytest.mark.parametrize("momentum", [None, 0.8])
def test_from_the_first_epoch_batch_norm_is_trained_inside_and_the_whole_schedule_runs(momentum: float | None) -> None:
    options = {"epochs": 5, "training": {"batch_norm_momentum": momentum}}
    config = {**CONFIG, **options, "quantization": {"from_first_epoch": True, "epochs": 99}}

    aware, history = train_quantization_aware(small(), config, (IMAGES, MASKS), (IMAGES, MASKS))

    assert len(history.epoch) == 5
    assert history.history["loss"][-1] < history.history["loss"][0]
    inside = [layer.batch_norm for layer in aware.layers if isinstance(layer, QuantizedConvolution)]
    assert inside == [True] * (len(inside) - 1) + [False]  # the head has a bias of its own
    momenta = {layer.momentum for layer in batch_norms(aware)}
    assert momenta == {momentum or 0.5}  # three steps an epoch


def test_a_teacher_can_teach_under_int8_arithmetic() -> None:
    _, history = train_quantization_aware(small(), CONFIG, (IMAGES, MASKS), teacher=small())

    assert {"student_loss", "distillation_loss"} <= set(history.history)
