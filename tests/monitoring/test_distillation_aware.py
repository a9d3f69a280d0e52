from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from nano_u.errors import ConfigError, DataError, ModelError
from nano_u.monitoring.distillation_aware import DistillationAwareNAS
from nano_u.monitoring.offline import analyze_model_redundancy


def net(name: str, widths: tuple[int, int], *, strides: int = 1, size: int | None = 8, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, 3), name="image")
    x = layers.Conv2D(widths[0], 3, padding="same", strides=strides, name=f"{name}_conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.5, name=f"{name}_bn1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = layers.Conv2D(widths[1], 3, padding="same", activation="relu", name=f"{name}_conv2")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, name=f"{name}_logits")(x), name=name)


class Code(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="code")
        self.conv = layers.Conv2D(2, 3, padding="same", activation="relu", name="conv")
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any) -> Any:
        return self.logits(self.conv(x))


def images(count: int = 4, size: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, size, size, 3)).astype(np.float32)


def features(model: keras.Model, name: str, x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.Model(model.inputs[0], model.get_layer(name).output)(x))


def test_equal_widths_need_no_projection_and_the_loss_is_the_mean_squared_difference() -> None:
    teacher, student = net("t", (4, 3), seed=1), net("s", (4, 3), seed=2)
    mapping = {"s_relu1": "t_relu1", "s_conv2": "t_conv2"}

    nas = DistillationAwareNAS(teacher, student, mapping)

    differences = [
        features(student, mine, images()) - features(teacher, hint, images()) for mine, hint in mapping.items()
    ]
    expected = np.mean([np.mean(np.square(difference)) for difference in differences])
    assert nas.trainable_variables == []
    assert float(nas.feature_loss(images())) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(nas.student_output, student(images()), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(nas.teacher_output, teacher(images()), rtol=1e-4, atol=1e-6)


def test_a_copy_of_the_teacher_has_no_loss() -> None:
    teacher = net("t", (4, 3))

    nas = DistillationAwareNAS(teacher, keras.models.clone_model(teacher), [("t_relu1", "t_relu1")])
    nas.student.set_weights(teacher.get_weights())

    assert float(nas.feature_loss(images())) == 0.0


def test_other_widths_are_projected_by_a_trained_1x1_map() -> None:
    teacher, student = net("t", (4, 3), seed=1), net("s", (2, 3), seed=2)

    nas = DistillationAwareNAS(teacher, student, {"s_relu1": "t_relu1"})

    kernel, bias = (variable.numpy() for variable in nas.trainable_variables)
    assert kernel.shape == (2, 4)
    projected = features(student, "s_relu1", images()) @ kernel + bias
    expected = np.mean(np.square(projected - features(teacher, "t_relu1", images())))
    assert float(nas.feature_loss(images())) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("larger", ["student", "teacher"])
def test_the_larger_activation_is_averaged_down(larger: str) -> None:
    coarse, fine = net("coarse", (3, 3), strides=2, seed=1), net("fine", (3, 3), seed=2)
    student, teacher = (fine, coarse) if larger == "student" else (coarse, fine)

    nas = DistillationAwareNAS(teacher, student, {f"{student.name}_relu1": f"{teacher.name}_relu1"})

    averaged = features(fine, "fine_relu1", images()).reshape(4, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    expected = np.mean(np.square(averaged - features(coarse, "coarse_relu1", images())))
    with tf.GradientTape() as tape:
        loss = nas.feature_loss(images())
    gradient = tape.gradient(loss, student.get_layer(f"{student.name}_conv1").kernel.value)
    assert float(loss) == pytest.approx(expected, rel=1e-4)
    assert float(tf.norm(gradient)) > 0


def test_sizes_that_do_not_divide_each_other_are_an_error() -> None:
    nas = DistillationAwareNAS(
        net("t", (3, 3), size=None), net("s", (3, 3), strides=3, size=None), {"s_relu1": "t_relu1"}
    )

    with pytest.raises(ModelError, match=r"'s_relu1' -> 't_relu1'.*cannot be averaged down to \(3, 3\)"):
        nas.feature_loss(images())


@pytest.mark.parametrize("as_graph", [False, True], ids=["eager", "graph"])
def test_training_lowers_the_loss_and_leaves_the_teacher_as_it_was(as_graph: bool) -> None:
    teacher, student = net("t", (4, 3), seed=1), net("s", (2, 2), seed=2)
    nas = DistillationAwareNAS(teacher, student, {"s_relu1": "t_relu1", "s_conv2": "t_conv2"})
    trained = student.trainable_variables + nas.trainable_variables
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(trained)
    x = tf.constant(images())

    def step(x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor | None]]:
        with tf.GradientTape() as tape:
            features = nas.feature_loss(x, training=True)
            loss = features + 0.01 * tf.reduce_mean(tf.square(nas.student_output - 1))
        gradients = tape.gradient(loss, [trained, teacher.trainable_variables])
        optimizer.apply(gradients[0], trained)
        return features, gradients[1]

    before = [variable.numpy() for variable in teacher.variables]
    weights = [variable.numpy() for variable in trained]
    step = tf.function(step) if as_graph else step
    steps = [step(x) for _ in range(20)]

    assert float(steps[-1][0]) < 0.8 * float(steps[0][0])
    assert all(gradient is None for _, gradients in steps for gradient in gradients)
    for variable, value in zip(trained, weights, strict=True):
        assert not np.array_equal(variable.numpy(), value), variable.path
    for variable, value in zip(teacher.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_the_students_statistics_move_once_a_call() -> None:
    teacher, student, twin = net("t", (4, 3), seed=1), net("s", (4, 3), seed=2), net("s", (4, 3), seed=2)
    nas = DistillationAwareNAS(teacher, student, {"s_relu1": "t_relu1"})

    nas.feature_loss(images(), training=True)
    twin(images(), training=True)

    for name in ("moving_mean", "moving_variance"):
        value, expected = (getattr(model.get_layer("s_bn1"), name).numpy() for model in (student, twin))
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("as_graph", [False, True], ids=["eager", "graph"])
def test_models_that_have_seen_no_input_are_connected_by_the_first_loss(as_graph: bool) -> None:
    nas = DistillationAwareNAS(net("t", (4, 3)), Code(), {"conv": "t_conv2"})
    assert nas.trainable_variables == []
    loss = tf.function(nas.feature_loss) if as_graph else nas.feature_loss

    values = [float(loss(tf.constant(images()))) for _ in range(2)]

    assert values[0] == values[1] > 0
    assert [tuple(variable.shape) for variable in nas.trainable_variables] == [(2, 3), (3,)]


def test_a_subclassed_model_that_has_run_gets_its_projection_at_once() -> None:
    student = Code()
    student(images())

    nas = DistillationAwareNAS(net("t", (4, 3)), student, {student.conv: "t_conv2"})

    assert [tuple(variable.shape) for variable in nas.trainable_variables] == [(2, 3), (3,)]


def test_channels_first_and_last_are_matched() -> None:
    inputs = keras.Input((8, 8, 3))
    first = layers.Permute((3, 1, 2), name="to_first")(inputs)
    conv = layers.Conv2D(3, 1, data_format="channels_first", name="conv_first")
    back = layers.Permute((2, 3, 1), name="to_last")(conv(first))
    student = keras.Model(inputs, back)
    teacher = keras.Model(inputs, layers.Conv2D(3, 1, name="conv_last", data_format="channels_last")(inputs))
    teacher.get_layer("conv_last").set_weights([weight.numpy() for weight in conv.weights])
    try:
        loss = float(DistillationAwareNAS(teacher, student, {"conv_first": "conv_last"}).feature_loss(images()))
    except tf.errors.InvalidArgumentError:
        pytest.skip("this TensorFlow convolves channels-last only on a CPU")

    assert loss == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"s_rellu1": "t_relu1"}, "'s' has no layer 's_rellu1'; did you mean 's_relu1'"),
        ({"s_relu1": "t_rellu1"}, "'t' has no layer 't_rellu1'; did you mean 't_relu1'"),
        ({"t_relu1": "s_relu1"}, "goes from student to teacher layers, but 't_relu1' is the teacher's"),
        ({"/relu/": "t_relu1"}, "must be one layer of 's'"),
        ({"activations": "t_relu1"}, "must be one layer of 's'"),
        ({}, "layer_mapping must be"),
        (["s_relu1"], "layer_mapping must be"),
    ],
    ids=["unknown_student", "unknown_teacher", "reversed", "pattern", "role", "empty", "not_pairs"],
)
def test_a_wrong_mapping_is_an_error(mapping: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DistillationAwareNAS(net("t", (4, 3)), net("s", (4, 3)), mapping)


def test_layers_of_another_rank_are_an_error() -> None:
    inputs = keras.Input((8, 8, 3))
    pooled = keras.Model(inputs, layers.GlobalAveragePooling2D(name="pooled")(inputs))

    with pytest.raises(ModelError, match="cannot be matched"):
        DistillationAwareNAS(net("t", (3, 3)), pooled, {"pooled": "t_relu1"})


def test_importance_is_the_redundancy_of_the_mapped_layers_of_both() -> None:
    teacher, student = net("t", (4, 3), seed=1), net("s", (3, 2), seed=2)
    nas = DistillationAwareNAS(teacher, student, {"s_relu1": "t_relu1", "s_conv2": "t_conv2"})
    x = images(24)
    before = [variable.numpy() for variable in (*teacher.variables, *student.variables)]

    found = nas.analyze_layer_importance(tf.data.Dataset.from_tensor_slices((x, x[..., :1])).batch(5))

    assert {role: list(layers) for role, layers in found.items()} == {
        "teacher": ["t_relu1", "t_conv2"],
        "student": ["s_relu1", "s_conv2"],
    }
    for role, model in (("teacher", teacher), ("student", student)):
        expected = analyze_model_redundancy(model, x, layers=list(found[role]))["layers"]
        for name, fields in found[role].items():
            assert fields["images"] == 24
            assert fields["redundancy_score"] == pytest.approx(expected[name]["redundancy_score"], abs=1e-5)
    for variable, value in zip((*teacher.variables, *student.variables), before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_an_iterator_that_can_be_read_once_is_refused() -> None:
    nas = DistillationAwareNAS(net("t", (4, 3)), net("s", (4, 3)), {"s_relu1": "t_relu1"})

    with pytest.raises(DataError, match="once for each model"):
        nas.analyze_layer_importance(iter([images()]))
