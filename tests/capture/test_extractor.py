from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.capture import ActivationExtractor
from nano_u.errors import ConfigError
from nano_u.losses import covariance_regularizer_loss


class Block(layers.Layer):
    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(filters, 3, padding="same", name="conv")
        self.norm = layers.BatchNormalization(momentum=0.5, name="norm")
        self.relu = layers.ReLU(name="relu")

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.relu(self.norm(self.conv(x), training=training))


class Code(keras.Model):
    """Subclassed; counts how often Python runs its call."""

    def __init__(self) -> None:
        super().__init__(name="code")
        self.first = Block(4, name="first")
        self.second = Block(3, name="second")
        self.logits = layers.Conv2D(1, 1, name="logits")
        self.calls = 0

    def call(self, x: Any, training: bool | None = None) -> Any:
        self.calls += 1
        return self.logits(self.second(self.first(x, training=training), training=training))


def functional() -> keras.Model:
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.5, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="conv2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(x), name="plain")


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", name="conv1"),
            layers.BatchNormalization(momentum=0.5, name="bn1"),
            layers.ReLU(name="relu1"),
            layers.Conv2D(1, 1, name="logits"),
        ],
        name="chain",
    )


def nested() -> keras.Model:
    inputs = keras.Input((8, 8, 3), name="image")
    inner_inputs = keras.Input((8, 8, 3), name="inner_image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inner_inputs)
    inner = keras.Model(inner_inputs, layers.ReLU(name="relu1")(x), name="encoder")
    return keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(inner(inputs)), name="outer")


def code() -> keras.Model:
    return Code()


def images(count: int = 2, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, size, size, 3)).astype(np.float32)


STYLES: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "functional": (functional, "relu1"),
    "sequential": (sequential, "relu1"),
    "nested": (nested, "encoder/relu1"),
    "subclassed": (code, "first/relu"),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(0)


@pytest.fixture
def eager() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def assert_untouched(model: keras.Model) -> None:
    for layer in model._flatten_layers():
        assert "call" not in vars(layer), layer.name


@pytest.mark.parametrize(("make", "name"), STYLES.values(), ids=STYLES)
def test_activations_and_output_are_those_of_the_model(make: Callable[[], keras.Model], name: str) -> None:
    model = make()
    extractor = ActivationExtractor(model, [name])

    features = extractor(images())

    expected = images()
    if make is nested:
        expected = keras.ops.relu(model.get_layer("encoder").get_layer("conv1")(expected))
    elif make is code:
        expected = model.first(expected, training=False)
    else:
        expected = keras.ops.relu(model.get_layer("bn1")(model.get_layer("conv1")(expected), training=False))
    assert list(features) == [name]
    np.testing.assert_allclose(features[name], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(extractor.output, model(images()), rtol=1e-5, atol=1e-6)
    assert_untouched(model)


def test_names_patterns_paths_layers_and_roles_come_in_the_order_promised() -> None:
    model = Code()
    model(images())

    extractor = ActivationExtractor(
        model, ["second/conv", "output", model.first.norm, "/conv$/", "first/norm", "activations", "logits"]
    )

    assert list(extractor(images())) == [
        *("second/conv", "first/norm", "logits"),  # named
        *("first/conv", "first/relu", "second/relu"),  # by pattern or role, as they run
        "output",
    ]


def test_two_names_of_one_tensor_are_both_there_but_a_pattern_takes_it_once() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.ReLU(name="relu")(layers.Conv2D(2, 1, name="conv")(inputs))
    probe = layers.Identity(name="nas_probe")(x)
    model = keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(probe))

    both = ActivationExtractor(model, ["nas_probe", "relu"])(images())
    once = ActivationExtractor(model, "/relu|probe/")(images())

    assert list(both) == ["nas_probe", "relu"]
    np.testing.assert_array_equal(both["nas_probe"], both["relu"])
    assert list(once) == ["relu"]


@pytest.mark.parametrize("selectors", [["relu"], ["no_such"], "/xyz/"], ids=str)
def test_nothing_matched_is_an_error_at_construction(selectors: Any) -> None:
    with pytest.raises(ConfigError, match="relu1"):
        ActivationExtractor(functional(), selectors)


def test_a_model_that_is_not_built_yet_is_built_by_the_first_call() -> None:
    extractor = ActivationExtractor(Code(), ["first/rellu"])

    with pytest.raises(ConfigError, match="first/relu"):
        extractor(images())


def test_an_unbuilt_model_can_be_built_inside_a_graph() -> None:
    model = sequential()
    extractor = ActivationExtractor(model, "relu1")

    @tf.function
    def total(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(extractor(x)["relu1"])

    expected = total(tf.constant(images()))

    assert float(expected) == pytest.approx(float(tf.reduce_sum(extractor(images())["relu1"])), rel=1e-5)


def test_one_trace_serves_all_batch_sizes_and_each_shape_has_its_own() -> None:
    model = Code()
    model(images())
    extractor = ActivationExtractor(model, "first/relu")
    model.calls = 0

    for count in (2, 3, 7, 2):
        extractor(images(count))
    assert model.calls == 1

    extractor(images(2, size=6))
    extractor(images(5, size=6))
    extractor(images(2))
    assert model.calls == 2

    extractor(images(), training=True)
    extractor(images(4), training=True)
    assert model.calls == 3


def test_freezing_layers_is_noticed() -> None:
    model = functional()
    extractor = ActivationExtractor(model, "bn1")
    extractor(images(), training=True)

    model.get_layer("bn1").trainable = False
    before = model.get_layer("bn1").moving_mean.numpy()
    extractor(images(), training=True)

    np.testing.assert_array_equal(model.get_layer("bn1").moving_mean.numpy(), before)


def test_cleanup_drops_the_trace_and_leaving_the_block_cleans_up() -> None:
    model = Code()
    model(images())
    model.calls = 0

    with ActivationExtractor(model, "first/relu") as extractor:
        extractor(images())
        assert extractor.output is not None

    assert extractor.output is None
    extractor(images())
    assert model.calls == 2


def test_training_moves_the_running_statistics_once_a_call() -> None:
    model, twin = functional(), functional()
    twin.set_weights(model.get_weights())
    extractor = ActivationExtractor(model, ["relu1", "conv2"])

    for count in (4, 3):
        features = extractor(images(count), training=True)
        expected = twin(images(count), training=True)
        np.testing.assert_allclose(extractor.output, expected, rtol=1e-4, atol=1e-6)
        assert float(tf.reduce_min(features["relu1"])) == 0.0

    for name in ("moving_mean", "moving_variance"):
        value, wanted = (getattr(one.get_layer("bn1"), name).numpy() for one in (model, twin))
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)
    extractor(images(), training=False)
    np.testing.assert_array_equal(model.get_layer("bn1").moving_mean.numpy(), value_of(model, "bn1"))


def value_of(model: keras.Model, name: str) -> np.ndarray:
    return np.asarray(model.get_layer(name).moving_mean)


@pytest.mark.parametrize("as_graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("style", STYLES)
def test_a_penalty_has_gradients_and_moves_the_weights(style: str, as_graph: bool) -> None:
    make, name = STYLES[style]
    model = make()
    extractor = ActivationExtractor(model, name)
    optimizer = keras.optimizers.SGD(0.1)
    x = tf.constant(images(4))
    extractor(x)
    optimizer.build(model.trainable_variables)

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            features = extractor(x, training=True)
            penalty = covariance_regularizer_loss(features, penalty="correlation")
            loss = 0.01 * tf.reduce_mean(tf.square(extractor.output)) + penalty
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return penalty

    before = [variable.numpy() for variable in model.trainable_variables]
    step = tf.function(step) if as_graph else step
    penalties = [float(step(x)) for _ in range(5)]

    assert penalties[-1] < penalties[0]
    kernels = [variable.path.endswith("kernel") for variable in model.trainable_variables]
    changed = [
        not np.array_equal(variable.numpy(), old)
        for variable, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert all(change for change, is_kernel in zip(changed, kernels, strict=True) if is_kernel)
    assert_untouched(model)


def test_gradients_equal_those_of_the_model_itself() -> None:
    model = functional()
    extractor = ActivationExtractor(model, "conv2")
    inner = keras.Model(model.inputs, model.get_layer("conv2").output)
    kernel = model.get_layer("conv1").kernel
    x = tf.constant(images())

    with tf.GradientTape() as tape:
        loss = covariance_regularizer_loss(extractor(x))
    found = tape.gradient(loss, kernel.value)
    with tf.GradientTape() as tape:
        loss = covariance_regularizer_loss([inner(x)])
    expected = tape.gradient(loss, kernel.value)

    assert float(tf.norm(expected)) > 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_functions_may_run_eagerly(eager: None) -> None:
    model = functional()
    extractor = ActivationExtractor(model, "relu1")

    with tf.GradientTape() as tape:
        penalty = covariance_regularizer_loss(extractor(images(4), training=True))
    gradient = tape.gradient(penalty, model.get_layer("conv1").kernel.value)

    assert float(tf.norm(gradient)) > 0
    assert_untouched(model)


def test_inputs_and_outputs_may_be_dictionaries() -> None:
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 2), name="right")
    joined = layers.Concatenate(name="join")([left, right])
    hidden = layers.Conv2D(4, 1, activation="relu", name="hidden")(joined)
    outputs = {"mask": layers.Conv2D(1, 1, name="mask")(hidden), "edge": layers.Conv2D(2, 1, name="edge")(hidden)}
    model = keras.Model({"left": left, "right": right}, outputs)
    extractor = ActivationExtractor(model, ["hidden", "output"])
    x = {"left": images(), "right": images()[..., :2]}

    features = extractor(x)

    assert sorted(features) == ["hidden", "output:edge", "output:mask"]
    assert set(extractor.output) == {"mask", "edge"}
    for name, value in model(x).items():
        np.testing.assert_allclose(extractor.output[name], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(extractor.output[name], features[f"output:{name}"])


def test_an_exception_in_the_models_call_leaves_nothing_behind() -> None:
    class Broken(Code):
        fails = False

        def call(self, x: Any, training: bool | None = None) -> Any:
            super().call(x, training=training)
            if self.fails:
                raise RuntimeError("on purpose")
            return x

    model = Broken()
    model(images())
    model.fails = True
    extractor = ActivationExtractor(model, "first/relu")

    with pytest.raises(RuntimeError, match="on purpose"):
        extractor(images())

    assert_untouched(model)
    model.fails = False
    assert list(extractor(images())) == ["first/relu"]


def test_losses_that_layers_add_come_with_the_pass_and_do_not_stay_in_the_model() -> None:
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 1, name="conv", activity_regularizer="l2"), layers.ReLU(name="relu")]
    )
    model(images())
    before = [float(loss) for loss in model.losses]
    extractor = ActivationExtractor(model, "conv")

    with tf.GradientTape() as tape:
        extractor(images(3))
        loss = tf.add_n(extractor.losses)
    gradient = tape.gradient(loss, model.get_layer("conv").kernel.value)

    assert float(tf.norm(gradient)) > 0
    assert [float(loss) for loss in model.losses] == before


def test_a_layer_inside_a_loop_is_an_error_and_by_pattern_it_is_left_out() -> None:
    inputs = keras.Input((5, 3))
    x = layers.GRU(4, return_sequences=True, name="gru")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="dense")(x), name="steps")
    x = np.ones((2, 5, 3), np.float32)

    with pytest.raises(ConfigError, match="'gru/gru_cell' runs inside a loop"):
        ActivationExtractor(model, "gru/gru_cell")(x)

    assert list(ActivationExtractor(model, "/gru/")(x)) == ["gru"]


def test_a_layer_that_does_not_run_is_an_error() -> None:
    class Branches(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="branches")
            self.always = layers.Dense(2, name="always")
            self.helper = layers.Dense(2, name="helper")

        def call(self, x: Any, training: bool | None = None) -> Any:
            x = self.always(x)
            return self.helper(x) if training else x

    model = Branches()
    x = np.ones((2, 3), np.float32)
    model(x, training=True)
    extractor = ActivationExtractor(model, ["always", "helper"])

    assert list(extractor(x, training=True)) == ["always", "helper"]
    with pytest.raises(ConfigError, match="layer 'helper' does not run"):
        extractor(x)


def test_shapes_are_known_without_data() -> None:
    extractor = ActivationExtractor(functional(), ["conv2", "logits"])

    assert extractor.shapes(tf.TensorSpec([1, 8, 8, 3])) == {"conv2": (None, 8, 8, 3), "logits": (None, 8, 8, 1)}


def test_a_shared_layer_has_one_entry_per_call() -> None:
    shared = layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Conv2D(1, 1, name="logits")(shared(shared(inputs))))

    assert list(ActivationExtractor(model, "shared")(images())) == ["shared", "shared#2"]
