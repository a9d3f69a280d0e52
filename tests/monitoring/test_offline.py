from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.data import ImageSet
from nano_u.errors import ConfigError, DataError
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.monitoring.offline import analyze_layers, analyze_model_redundancy
from nano_u.redundancy import (
    MODEL_SCALAR_FIELDS,
    SCALAR_FIELDS,
    GroupMoments,
    LayerRedundancy,
    group_of_image,
    measure_layer,
)

PIXELS = np.random.default_rng(3).integers(0, 256, (45, 8, 8, 3)).astype(np.uint8)
X = PIXELS.astype(np.float32) / np.float32(255)
Y = np.zeros((45, 8, 8, 1), np.float32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Two convolutions with BatchNorm and dropout between; the running statistics fit no data."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3), name="input_image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.BatchNormalization(name="norm", momentum=0.5)(x)
    x = layers.Dropout(0.2, seed=4, name="drop")(x)
    x = layers.Conv2D(3, 1, activation="relu", name="conv2")(x)
    built = keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="small")
    built.get_layer("norm").moving_mean.assign([0.1, 0.2, 0.0, 0.3])
    built.get_layer("norm").moving_variance.assign([0.2, 0.1, 0.3, 0.2])
    return built


def reference(model: keras.Model, name: str, x: np.ndarray, capacity: int, **options: Any) -> LayerRedundancy:
    """The record of one layer from its activations, computed whole and in float64."""
    outputs = keras.Model(model.input, model.get_layer(name).output)(x)
    samples = np.asarray(outputs).reshape(len(x), -1, outputs.shape[-1])
    moments = GroupMoments.from_samples(samples, group_of_image(np.arange(len(x)), capacity))
    return measure_layer(moments, layer=name, mode="inference", **options)


def numbers(record: LayerRedundancy) -> dict[str, Any]:
    return {key: value for key, value in record.scalars().items() if isinstance(value, float)}


def by_name(records: tuple[LayerRedundancy, ...]) -> dict[str, LayerRedundancy]:
    return {record.layer: record for record in records}


def test_records_are_those_of_the_activations_computed_whole(model: keras.Model) -> None:
    found = by_name(analyze_layers(model, X, layers=["conv1", "conv2", "norm"]))

    # At rest, dropout hands the output of "norm" on to a 1x1 convolution.
    for name, is_linear in (("conv1", False), ("norm", True), ("conv2", True)):
        expected = reference(model, name, X, len(X), linear_input=is_linear)
        assert numbers(found[name]) == pytest.approx(numbers(expected), rel=1e-5)
        assert (found[name].images, found[name].samples, found[name].keep) == (45, 45 * 64, expected.keep)
    assert list(found) == ["conv1", "norm", "conv2"]


@pytest.mark.parametrize(
    "data",
    [
        ImageSet(PIXELS, Y.astype(np.uint8), tuple(map(str, range(45))), ("a",) * 45),
        tf.data.Dataset.from_tensor_slices((X, Y)).batch(7),
    ],
    ids=["image set", "labelled dataset"],
)
def test_the_form_of_the_data_does_not_matter(model: keras.Model, data: Any) -> None:
    told: list[tuple[int, int | None]] = []

    (found,) = analyze_layers(
        model, data, layers="conv2", batch_size=7, progress=lambda done, total: told.append((done, total))
    )

    expected = reference(model, "conv2", X, len(X), linear_input=True)
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-5)
    assert told == [(done, 45) for done in (7, 14, 21, 28, 35, 42, 45)]


def test_a_generator_tells_the_same_but_for_the_groups_of_the_interval(model: keras.Model) -> None:
    expected = reference(model, "conv2", X, len(X), linear_input=True)

    (found,) = analyze_layers(model, (X[start : start + 4] for start in range(0, 45, 4)), layers="conv2")

    assert (found.images, found.samples) == (expected.images, expected.samples)
    for name in ("trace", "correlation_mean", "condition_number", "off_diagonal_norm"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-5)
    assert found.redundancy_score == pytest.approx(expected.redundancy_score, abs=1e-3)
    assert found.score_low is not None
    assert found.score_low < found.redundancy_score < found.score_high


@pytest.mark.parametrize(
    ("data", "max_samples", "images"), [(X, 64, 45), (iter([X[:17], X[17:]]), 20, 20)], ids=["fewer", "more"]
)
def test_the_first_samples_are_grouped_as_if_all_of_them_came(
    model: keras.Model, data: Any, max_samples: int, images: int
) -> None:
    expected = reference(model, "conv2", X[:images], max_samples, linear_input=True)

    (found,) = analyze_layers(model, data, layers="conv2", max_samples=max_samples)

    assert found.images == images
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-5)


def test_no_batch_is_kept_and_none_is_read_that_is_not_wanted(model: keras.Model) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def batches() -> Iterator[np.ndarray]:
        nonlocal most
        for number in range(20):
            batch = X[:4] + np.float32(number)
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            most = max(most, sum(reference() is not None for reference in alive))

    analyze_layers(model, batches(), layers="conv2", max_samples=48)

    assert (len(alive), most) == (12, 1)


def test_the_numbers_are_those_of_the_monitor_in_its_last_validation_pass(model: keras.Model, tmp_path: Path) -> None:
    copy = keras.models.clone_model(model)
    copy.compile("sgd", "mse")
    monitor = NASMonitorCallback(max_samples=20, log_dir=tmp_path)
    val = np.random.default_rng(8).normal(size=(24, 8, 8, 3)).astype(np.float32)
    copy.fit(X, Y, validation_data=(val, Y[:24]), batch_size=8, epochs=2, verbose=0, callbacks=[monitor])

    result = analyze_model_redundancy(copy, val, max_samples=20)

    monitored = monitor.get_metrics()
    for name, fields in result["layers"].items():
        told = monitored["layers"][name]
        assert fields["redundancy_score"] == pytest.approx(told["redundancy"][-1], rel=1e-5)
        assert fields["trace"] == pytest.approx(told["trace"][-1], rel=1e-5)
    assert result["aggregate"]["redundancy_score"] == pytest.approx(monitored["redundancy"][-1], rel=1e-5)


def test_training_mode_takes_batch_statistics_and_leaves_the_model_as_it_was(model: keras.Model) -> None:
    before = [variable.numpy().tobytes() for variable in model.variables]

    (training,) = analyze_layers(model, X, layers="norm", mode="training", batch_size=45)

    assert [variable.numpy().tobytes() for variable in model.variables] == before
    variances = np.asarray(keras.Model(model.input, model.get_layer("conv1").output)(X)).reshape(-1, 4).var(axis=0)
    epsilon = model.get_layer("norm").epsilon
    assert training.trace == pytest.approx(float((variances / (variances + epsilon)).sum()), rel=1e-4)
    assert training.mode == "training"


def test_a_failure_half_way_leaves_the_model_as_it_was(model: keras.Model) -> None:
    before = [variable.numpy().tobytes() for variable in model.variables]

    with pytest.raises(DataError, match=r"small: cannot run on inputs of shape \(4, 8, 8, 2\)"):
        analyze_layers(model, iter([X[:4], X[:4, ..., :2]]), mode="training", max_samples=8)

    assert [variable.numpy().tobytes() for variable in model.variables] == before
    assert not any("call" in vars(layer) for layer in model.layers)


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_the_losses_of_the_models_last_call_are_left_to_it(mode: str) -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", activity_regularizer=keras.regularizers.L2(0.5), name="conv")(inputs)
    penalised = keras.Model(inputs, layers.Conv2D(1, 1)(x))
    penalised(X[:2])
    activations = np.asarray(keras.Model(penalised.input, x)(X[:2]))
    penalised(X[:2])

    analyze_layers(penalised, X[:8], layers="conv", mode=mode)

    assert [float(loss) for loss in penalised.losses] == pytest.approx([0.5 * float((activations**2).sum()) / 2])


def test_unsettled_batch_norm_is_said_in_inference_mode_only(
    model: keras.Model, caplog: pytest.LogCaptureFixture
) -> None:
    copy = keras.models.clone_model(model)
    copy.get_layer("norm").moving_mean.assign([50.0] * 4)

    analyze_layers(copy, X[:8], layers="conv2", mode="training")
    assert not caplog.records
    analyze_layers(copy, X[:8], layers="conv2")

    assert "small: BatchNorm has not settled in norm: " in caplog.text


class Late(keras.Model):
    """Makes its layers when it sees its first input."""

    def build(self, input_shape: Any) -> None:
        self.conv = layers.Conv2D(3, 3, activation="relu", name="late_conv")
        self.head = layers.Conv2D(1, 1, name="head")
        self.conv.build(input_shape)
        self.head.build((*input_shape[:-1], 3))

    def call(self, x: Any) -> Any:
        return self.head(self.conv(x))


def test_a_model_that_was_never_called_is_built_by_the_first_batch() -> None:
    (record,) = analyze_layers(Late(), iter([X[:4], X[4:8]]))

    assert (record.layer, record.num_channels, record.images) == ("late_conv", 3, 8)


def test_the_dictionary_is_plain_json_with_every_field_and_the_callers_own(model: keras.Model) -> None:
    result = analyze_model_redundancy(
        model, X, layers=["conv1", "conv2", "logits"], max_channels=3, extra_metrics={"largest": np.max}
    )

    again = json.loads(json.dumps(result, allow_nan=False))
    assert again == result
    assert list(result["layers"]) == ["conv1", "conv2", "logits"]
    assert set(result["layers"]["conv2"]) == {*SCALAR_FIELDS, "largest", "histogram"}
    assert set(result["aggregate"]) == {*MODEL_SCALAR_FIELDS, "largest"}
    assert result["layers"]["conv2"]["keep"] == sorted(result["layers"]["conv2"]["keep"])
    assert (result["layers"]["logits"]["status"], result["layers"]["logits"]["redundancy_score"]) == (
        "one_channel",
        None,
    )
    assert [result["layers"]["conv1"][name] for name in ("num_channels", "sampled_channels")] == [4, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "conv3"}, "layers: 'small' has no layer 'conv3'; did you mean 'conv2', 'conv1'"),
        ({"mode": "eval"}, "mode must be 'training' or 'inference', got 'eval'"),
        ({"spatial": "max"}, "spatial must be 'pixels' or 'mean', got 'max'"),
        ({"max_samples": 0}, "max_samples: must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: must be at least 1, got 0"),
        ({"max_channels": 1}, "max_channels: must be at least 2, got 1"),
        ({"max_channels": 2.5}, "max_channels: must be a whole number, got 2.5"),
        ({"max_samples": True}, "max_samples: must be a whole number, got True"),
    ],
)
def test_a_wrong_option_is_one_clear_line(model: keras.Model, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        analyze_layers(model, X, **options)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", [X[:0], [], iter([]), iter([X[:0]]), (X[:0], Y[:0])])
def test_no_images_is_an_error(model: keras.Model, data: Any) -> None:
    with pytest.raises(DataError, match="small: no images to observe"):
        analyze_layers(model, data)
