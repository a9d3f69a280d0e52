from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.errors import ConfigError, ModelError
from nano_u.losses import FeatureDecorrelationRegularizer, correlation_redundancy, covariance_redundancy

X = np.random.default_rng(0).normal(size=(12, 6, 6, 3)).astype(np.float32)
Y = X.mean(axis=(1, 2))[:, :1]
STEPS = 3  # of one epoch, at a batch size of 4


def functional(regularizer: FeatureDecorrelationRegularizer) -> keras.Model:
    inputs = keras.Input((6, 6, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu", activity_regularizer=regularizer, name="features")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(features)))


class Subclassed(keras.Model):
    """Its `call` takes no `training`, so Keras never tells its layers whether they train."""

    def __init__(self, regularizer: FeatureDecorrelationRegularizer) -> None:
        super().__init__()
        self.features = keras.layers.Conv2D(4, 3, activity_regularizer=regularizer, name="features")
        self.head = keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.head(keras.ops.mean(self.features(x), axis=(1, 2)))


def compiled(model: keras.Model, **options: Any) -> keras.Model:
    model.compile(keras.optimizers.SGD(0.1), "mse", **options)
    return model


def regularizer_of(model: keras.Model) -> FeatureDecorrelationRegularizer:
    return model.get_layer("features").activity_regularizer


def train(model: keras.Model, epochs: int = 1) -> keras.callbacks.History:
    return model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)


@pytest.mark.parametrize("batch", [1, 4, 12])
@pytest.mark.parametrize("penalty", ["covariance", "correlation"])
def test_the_loss_gains_weight_times_redundancy_at_any_batch_size(penalty: Any, batch: int) -> None:
    model = functional(FeatureDecorrelationRegularizer(0.3, penalty=penalty))
    function = {"covariance": covariance_redundancy, "correlation": correlation_redundancy}[penalty]
    features = model.get_layer("features").output

    model(X[:batch], training=True)
    (loss,) = model.losses

    expected = 0.3 * float(function(keras.Model(model.input, features)(X[:batch])))
    assert expected > 0
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_the_options_reach_the_penalty() -> None:
    regularizer = FeatureDecorrelationRegularizer(
        2.0, penalty="correlation", spatial="mean", data_format="channels_first"
    )

    expected = 2 * float(correlation_redundancy(X, spatial="mean", data_format="channels_first"))
    assert float(regularizer(X)) == pytest.approx(expected, rel=1e-6)


def test_the_warm_up_is_linear_and_then_full() -> None:
    regularizer = FeatureDecorrelationRegularizer(0.5, warmup_steps=4)

    values = [float(regularizer(X)) for _ in range(6)]

    full = 0.5 * float(covariance_redundancy(X))
    assert values == pytest.approx([0.0, 0.25 * full, 0.5 * full, 0.75 * full, full, full], rel=1e-6)


@pytest.mark.parametrize("warmup_steps", [None, 0])
def test_without_warm_up_the_weight_is_full_at_once(warmup_steps: int | None) -> None:
    regularizer = FeatureDecorrelationRegularizer(0.5, warmup_steps)

    assert float(regularizer(X)) == pytest.approx(0.5 * float(covariance_redundancy(X)), rel=1e-6)


@pytest.mark.parametrize("eagerly", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("build", [functional, Subclassed])
def test_only_training_steps_advance_the_warm_up(build: Any, eagerly: bool) -> None:
    model = compiled(build(FeatureDecorrelationRegularizer(0.1, warmup_steps=10)), run_eagerly=eagerly)

    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    model(X)
    if build is functional:
        model(X, training=True)

    assert regularizer_of(model).step == 2 * STEPS


def test_several_steps_in_one_call_count_one_by_one() -> None:
    model = compiled(functional(FeatureDecorrelationRegularizer(0.1, 10)), steps_per_execution=3)

    train(model, epochs=2)

    assert regularizer_of(model).step == 2 * STEPS


def test_a_custom_loop_counts_its_gradients() -> None:
    regularizer = FeatureDecorrelationRegularizer(0.1, 10)
    model = functional(regularizer)

    @tf.function
    def step(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            model(x, training=True)
            loss = tf.add_n(model.losses)
        return tape.gradient(loss, model.trainable_variables[:1])

    first, second = step(X), step(X)

    assert regularizer.step == 2
    assert np.all(first[0] == 0)
    assert np.abs(second[0]).max() > 0


def test_training_with_the_penalty_lowers_the_redundancy() -> None:
    def redundancy_after(weight: float) -> float:
        keras.utils.set_random_seed(1)
        regularizer = FeatureDecorrelationRegularizer(weight, penalty="correlation")
        model = compiled(functional(regularizer))
        train(model, epochs=10)
        return float(correlation_redundancy(keras.Model(model.input, model.get_layer("features").output)(X)))

    assert redundancy_after(1.0) < 0.5 * redundancy_after(0.0)


def test_validation_loss_holds_the_penalty_of_the_weight_reached() -> None:
    model = compiled(functional(FeatureDecorrelationRegularizer(1.0, warmup_steps=4, step=2)))
    features = keras.Model(model.input, model.get_layer("features").output)(X)

    total = model.evaluate(X, Y, batch_size=12, verbose=0)

    task = float(np.mean((model.predict(X, verbose=0) - Y) ** 2))
    assert total - task == pytest.approx(0.5 * float(covariance_redundancy(features)), rel=1e-4)


def test_saving_and_loading_keeps_the_step_and_the_training(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    model = compiled(functional(FeatureDecorrelationRegularizer(0.1, 10, penalty="correlation", spatial="mean")))
    train(model)
    model.save(tmp_path / "model.keras")

    loaded = keras.models.load_model(tmp_path / "model.keras")

    assert regularizer_of(loaded).get_config() == regularizer_of(model).get_config()
    assert regularizer_of(loaded).step == STEPS
    assert train(loaded).history["loss"] == pytest.approx(train(model).history["loss"], rel=1e-6)
    assert regularizer_of(loaded).step == 2 * STEPS


def test_a_clone_counts_on_its_own() -> None:
    model = compiled(functional(FeatureDecorrelationRegularizer(0.1, 10)))
    train(model)

    clone = compiled(keras.models.clone_model(model))
    train(clone)

    assert (regularizer_of(model).step, regularizer_of(clone).step) == (STEPS, 2 * STEPS)


def test_the_model_gains_no_weights_and_exports_with_its_count(tmp_path: Path) -> None:
    model = functional(FeatureDecorrelationRegularizer(0.1, 10))

    tf.saved_model.save(model, tmp_path / "saved_model")

    assert len(model.weights) == 4
    exported = tf.saved_model.load(tmp_path / "saved_model").signatures["serving_default"]
    np.testing.assert_allclose(next(iter(exported(tf.constant(X)).values())), model(X), rtol=1e-6)


def test_the_configuration_makes_an_equal_regularizer() -> None:
    regularizer = FeatureDecorrelationRegularizer(
        0.2, 5, penalty="correlation", spatial="mean", data_format="channels_last", step=3
    )

    config = keras.regularizers.serialize(regularizer)

    assert config["registered_name"] == "nano_u>FeatureDecorrelationRegularizer"
    assert keras.regularizers.deserialize(config).get_config() == regularizer.get_config()


def test_it_may_be_made_while_a_graph_is_traced() -> None:
    made: list[FeatureDecorrelationRegularizer] = []

    @tf.function
    def traced(x: tf.Tensor) -> tf.Tensor:
        made.append(FeatureDecorrelationRegularizer(1.0, 2)) if not made else None
        return made[0](x)

    values = [float(traced(X)) for _ in range(3)]

    assert made[0].step == 3
    assert values[1] == pytest.approx(values[2] / 2) != 0


def test_mixed_precision_adds_a_float32_penalty() -> None:
    inputs = keras.Input((6, 6, 3))
    regularizer = FeatureDecorrelationRegularizer(1.0)
    outputs = keras.layers.Conv2D(4, 3, activity_regularizer=regularizer, dtype="mixed_float16")(inputs)
    model = keras.Model(inputs, outputs)

    features = model(X)

    assert features.dtype == tf.float16
    assert model.losses[0].dtype == tf.float32
    assert float(model.losses[0]) == pytest.approx(float(covariance_redundancy(features)), rel=1e-5)


@pytest.mark.parametrize("kind", ["kernel_regularizer", "bias_regularizer"])
def test_on_variables_it_refuses_in_one_line(kind: str) -> None:
    regularizer = FeatureDecorrelationRegularizer(0.1)
    layer = keras.layers.Conv2D(4, 3, name="features", **{kind: regularizer})
    model = compiled(keras.Sequential([keras.Input((6, 6, 3)), layer, keras.layers.Flatten(), keras.layers.Dense(1)]))

    with pytest.raises(ModelError, match=r"features/(kernel|bias)'; pass it as activity_regularizer=") as caught:
        train(model)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -0.1}, "weight must be finite and not negative, got -0.1"),
        ({"weight": float("nan")}, "got nan"),
        ({"weight": 1.0, "warmup_steps": -1}, "must not be negative, got -1 and 0"),
        ({"weight": 1.0, "penalty": "decov"}, "'covariance' or 'correlation', got 'decov'"),
        ({"weight": 1.0, "spatial": "all"}, "'pixels' or 'mean', got 'all'"),
        ({"weight": 1.0, "data_format": "NHWC"}, "'channels_last' or 'channels_first', got 'NHWC'"),
    ],
    ids=["negative", "nan", "warm-up", "penalty", "spatial", "data_format"],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FeatureDecorrelationRegularizer(**arguments)
