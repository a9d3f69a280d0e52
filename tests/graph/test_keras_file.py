from __future__ import annotations

import json
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from nano_u.errors import ModelError
from nano_u.graph import bu_net, nano_u, summarise
from nano_u.graph.keras_file import MAX_CONFIG_BYTES, architecture_from_config, read_keras_file
from nano_u.graph.record import Architecture
from nano_u.models.build import build_model

L = keras.layers


def saved(model: keras.Model, tmp_path: Path) -> Architecture:
    """The record read from the model's `.keras` file."""
    model.save(tmp_path / "model.keras")
    return read_keras_file(tmp_path / "model.keras")


def config_of(model: keras.Model) -> dict[str, Any]:
    """What Keras writes into `config.json`."""
    config: dict[str, Any] = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    return config


def functional(build: Callable[[Any], Any], shape: tuple[int, ...] = (12, 12, 4)) -> keras.Model:
    """A functional model around `build`."""
    source = keras.Input(shape, name="x")
    return keras.Model(source, build(source), name="net")


@pytest.mark.parametrize("skips", [False, True])
def test_our_own_network_reads_back_as_its_record(skips: bool, tmp_path: Path) -> None:
    record = nano_u((16, 16, 3), [2, 3], 4, skips=skips, enable_probes=True)

    assert saved(build_model(record), tmp_path) == record


def test_the_teacher_reads_back_as_its_record(tmp_path: Path) -> None:
    record = bu_net((16, 16, 3), [2, 3], 4)

    assert saved(build_model(record), tmp_path) == record


# Every stock layer that the record can express, with what it becomes.
STOCK: dict[str, tuple[Callable[[Any], Any], str]] = {
    "strided convolution": (lambda x: L.Conv2D(5, 3, strides=2, padding="same", name="n")(x), "conv2d"),
    "valid convolution": (lambda x: L.Conv2D(5, (3, 2), name="n")(x), "conv2d"),
    "depthwise": (lambda x: L.DepthwiseConv2D(3, padding="same", name="n")(x), "depthwise_conv2d"),
    "separable": (lambda x: L.SeparableConv2D(5, 3, padding="same", name="n")(x), "separable_conv2d"),
    "transposed": (lambda x: L.Conv2DTranspose(5, 3, strides=2, padding="same", name="n")(x), "conv2d_transpose"),
    "dense": (lambda x: L.Dense(6, use_bias=False, name="n")(x), "dense"),
    "stock BatchNorm": (lambda x: L.BatchNormalization(name="n")(x), "batch_norm"),
    "BatchNorm without scale": (lambda x: L.BatchNormalization(scale=False, name="n")(x), "batch_norm"),
    "ReLU": (lambda x: L.ReLU(name="n")(x), "relu"),
    "ReLU6": (lambda x: L.ReLU(6.0, name="n")(x), "relu6"),
    "activation": (lambda x: L.Activation("sigmoid", name="n")(x), "sigmoid"),
    "max pool": (lambda x: L.MaxPooling2D((3, 2), name="n")(x), "max_pool2d"),
    "average pool": (lambda x: L.AveragePooling2D(3, strides=2, padding="same", name="n")(x), "average_pool2d"),
    "global pool": (lambda x: L.GlobalAveragePooling2D(name="n")(x), "global_average_pool2d"),
    "stock upsampling": (lambda x: L.UpSampling2D((2, 3), name="n")(x), "upsample_nearest"),
    "bilinear": (lambda x: L.UpSampling2D(2, interpolation="bilinear", name="n")(x), "upsample_bilinear"),
    "resizing": (lambda x: L.Resizing(24, 36, interpolation="nearest", name="n")(x), "upsample_nearest"),
    "concatenation": (lambda x: L.Concatenate(name="n")([x, L.ReLU()(x)]), "concat"),
    "addition": (lambda x: L.Add(name="n")([x, L.ReLU()(x)]), "add"),
    "dropout": (lambda x: L.SpatialDropout2D(0.1, name="n")(x), "identity"),
}


@pytest.mark.parametrize("case", STOCK)
def test_a_stock_layer_has_the_shape_and_parameters_that_keras_gives_it(case: str, tmp_path: Path) -> None:
    build, op = STOCK[case]
    model = functional(build)

    record = saved(model, tmp_path)

    assert record.by_name["n"].op == op
    assert record.shapes["n"] == model.output_shape[1:]
    assert summarise(record).parameters == model.count_params()


@pytest.mark.parametrize(
    ("activation", "ops"),
    [("relu", ["conv2d"]), ("sigmoid", ["conv2d", "sigmoid"]), ("silu", ["conv2d", "opaque"])],
)
def test_an_activation_inside_a_convolution_counts_as_a_layer(activation: str, ops: list[str], tmp_path: Path) -> None:
    from nano_u.graph.deployed import deploy

    model = functional(lambda x: L.ReLU(name="after")(L.Conv2D(2, 1, activation=activation, name="c")(x)))

    record = saved(model, tmp_path)

    assert [op.op for op in deploy(record).ops] == [*ops, "relu"]
    assert record.by_name["after"].inputs == ("c/activation",)
    assert summarise(record).uncounted == ()


def test_a_sequential_model_with_layers_unknown_to_the_record_keeps_their_shapes(tmp_path: Path) -> None:
    layers = [L.Conv2D(4, 3, padding="same"), L.Rescaling(0.5), L.Flatten(name="flat"), L.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers])

    record = saved(model, tmp_path)

    assert record.by_name["flat"].op == "opaque"
    assert record.shapes["flat"] == (256,)
    assert summarise(record).parameters == model.count_params()
    assert summarise(record).uncounted == ()


def test_nested_models_are_read_through_with_the_outer_name_in_front(tmp_path: Path) -> None:
    inner = keras.Sequential([L.Conv2D(4, 3, padding="same", name="c"), L.BatchNormalization(name="b")], name="stem")
    two = keras.Input((8, 8, 4)), keras.Input((8, 8, 4))
    joined = keras.Model(two, L.Concatenate(name="k")(list(two)), name="join")
    source = keras.Input((8, 8, 3), name="x")
    stem = inner(source)
    model = keras.Model(source, [joined([stem, L.ReLU(name="r")(stem)]), stem], name="net")

    record = saved(model, tmp_path)

    assert [node.name for node in record.nodes] == ["x", "stem/c", "stem/b", "r", "join/k"]
    assert record.outputs == ("join/k", "stem/b")
    assert summarise(record).parameters == model.count_params()


def test_operators_written_as_python_expressions_are_layers_too(tmp_path: Path) -> None:
    model = functional(lambda x: keras.ops.relu(x + L.Conv2D(4, 1, name="c")(x)) * 2.0 + 1.0)

    record = saved(model, tmp_path)

    assert [node.op for node in record.nodes] == ["input", "conv2d", "add", "relu", "opaque", "opaque"]


@keras.saving.register_keras_serializable(package="test_keras_file")
class Conv2D(keras.layers.Layer):
    """Somebody's own layer with the name of a stock one."""

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(7,))

    def call(self, inputs: Any) -> Any:
        return inputs * keras.ops.sum(self.kernel)


def test_a_custom_layer_is_opaque_and_its_content_is_said_to_be_unknown(tmp_path: Path) -> None:
    record = saved(functional(lambda x: L.ReLU(name="r")(Conv2D(name="own")(x))), tmp_path)

    assert record.by_name["own"].op == "opaque"
    assert record.shapes["r"] == (12, 12, 4)
    assert summarise(record).uncounted == ("own",)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda x: Conv2D(name="own")(x), r"'own' of class 'test_keras_file>Conv2D'.*run directory"),
        (lambda x: L.Add()([(c := L.Conv2D(4, 1, name="twice"))(x), c(L.ReLU()(x))]), "'twice' is used 2 times"),
    ],
)
def test_what_cannot_be_read_names_the_layer_and_the_way_out(
    build: Callable[[Any], Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        saved(functional(build), tmp_path)

    assert "model.keras" in str(caught.value)


def test_dilated_and_grouped_convolutions_are_not_mistaken_for_plain_ones() -> None:
    model = functional(
        lambda x: L.ReLU()(L.Conv2D(4, 1, groups=2, name="g")(L.Conv2D(4, 3, dilation_rate=2, name="d")(x)))
    )

    record = architecture_from_config(config_of(model), "memory")

    assert summarise(record).uncounted == ("d", "g")
    assert record.shapes["d"] == (8, 8, 4)


def test_an_input_without_a_fixed_size_is_refused() -> None:
    model = functional(lambda x: L.Conv2D(2, 1)(x), shape=(None, None, 3))

    with pytest.raises(ModelError, match="'x' has no fixed size"):
        architecture_from_config(config_of(model), "memory")


class Subclassed(keras.Model):
    """A model whose graph only its code knows."""

    def call(self, inputs: Any) -> Any:
        return inputs


def test_a_subclassed_model_asks_for_the_run_directory(tmp_path: Path) -> None:
    model = Subclassed()
    model.build((1, 8, 8, 3))

    with pytest.raises(ModelError, match=r"Subclassed.*no readable graph; give the run directory instead"):
        saved(model, tmp_path)


def archive(path: Path, members: dict[str, bytes]) -> Path:
    """A compressed zip at `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"config.json": b" " * (MAX_CONFIG_BYTES + 1)}, "larger than .* refused"),
        ({"metadata.json": b"{}"}, r"no config\.json"),
        ({"config.json": b"{"}, "not JSON"),
        ({"config.json": b"[" * 100_000}, "not JSON"),
        ({"config.json": b"[]"}, "no readable graph"),
        ({"config.json": b'{"class_name": "Functional", "module": "keras"}'}, "not the configuration"),
    ],
)
def test_bombs_and_garbage_are_refused_in_one_line(members: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        read_keras_file(archive(tmp_path / "model.keras", members))

    assert "\n" not in str(caught.value)


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    good = archive(tmp_path / "model.keras", {"config.json": json.dumps({"a": list(range(3000))}).encode()})
    content = bytearray(good.read_bytes())
    content[200:260] = bytes(60)
    good.write_bytes(content)

    with pytest.raises(ModelError, match="not a readable"):
        read_keras_file(good)


READ_KEYS = set(
    re.findall(
        r"\w+",
        """name class_name module registered_name config inbound_nodes args kernel_size strides padding filters use_bias
        activation axis size pool_size batch_shape keras_history shape layers input_layers output_layers""",
    )
)


def mutate(target: Any, chance: random.Random) -> None:
    """Put a wrong value somewhere below `target`, where the reader looks."""
    while True:
        keys = [key for key in target if key in READ_KEYS] if isinstance(target, dict) else range(len(target))
        key = chance.choice(list(keys))
        if chance.random() < 0.2 or not isinstance(target[key], (dict, list)) or not target[key]:
            target[key] = chance.choice([None, 0, -1, 1.5, 2**70, "", "x", [], {}, [[]], True])
            return
        if isinstance(target[key], dict) and not READ_KEYS & set(target[key]):
            return
        target = target[key]


def test_any_mutation_of_a_configuration_is_read_or_refused_but_never_crashes() -> None:
    text = json.dumps(config_of(build_model(nano_u((4, 4, 3), [2], 2, blocks_per_stage=1, skips=True))))
    chance = random.Random(0)
    refused = 0

    for _ in range(200):
        broken = json.loads(text)
        mutate(broken, chance)
        try:
            summarise(architecture_from_config(broken, "memory"))
        except ModelError:
            refused += 1

    assert 20 < refused < 200
