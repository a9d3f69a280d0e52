from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from nano_u.deploy import ReferenceModel, convert_int8, list_operators, read_graph
from nano_u.errors import DeployError


@pytest.fixture(scope="module")
def pooling_model() -> keras.Model:
    """The cheapest thing that can be converted."""
    image = keras.Input((8, 8, 3), name="input_image")
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="logits")(image), name="small")


def test_only_the_four_operators_of_the_contract_are_left(default_net: Any) -> None:
    operators = list_operators(default_net.tflite)

    assert set(operators) == {"DEPTHWISE_CONV_2D", "CONV_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR"}
    assert operators.count("DEPTHWISE_CONV_2D") == 10
    assert operators.count("CONV_2D") == 11
    assert operators.count("MAX_POOL_2D") == operators.count("RESIZE_NEAREST_NEIGHBOR") == 2


def test_the_published_shape_has_the_same_operators(published_net: Any) -> None:
    operators = set(list_operators(published_net.tflite))

    assert operators == {"DEPTHWISE_CONV_2D", "CONV_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR"}


def test_input_and_output_are_int8_at_batch_one_with_a_fixed_input_scale(tiny: Any) -> None:
    graph = read_graph(tiny.tflite)

    assert (graph.input.dtype, graph.input.shape, graph.input.name) == ("INT8", (1, 16, 16, 3), "input_image")
    assert (graph.output.dtype, graph.output.shape) == ("INT8", (1, 16, 16, 1))
    assert graph.input.quantization.scale == pytest.approx(1 / 255, rel=1e-6)
    assert graph.input.quantization.zero_point == -128


def test_kernels_have_one_symmetric_scale_per_output_channel_and_biases_are_int32(tiny: Any) -> None:
    graph = read_graph(tiny.tflite)
    for operator in graph.operators:
        if not operator.name.endswith("CONV_2D"):
            continue
        _, kernel, bias = (graph.tensors[index] for index in operator.inputs)
        channels = graph.tensors[operator.outputs[0]].shape[-1]

        assert (kernel.dtype, bias.dtype) == ("INT8", "INT32")
        assert len(kernel.scales) == len(bias.scales) == channels
        assert set(kernel.zero_points) == {0}


def test_operators_and_weights_carry_the_names_of_their_layers(tiny: Any) -> None:
    graph = read_graph(tiny.tflite)

    assert [operator.layer for operator in graph.operators] == [
        "encoder1_block1_depthwise",
        "encoder1_block1_pointwise",
        "encoder1_pool",
        "bottleneck_block1_depthwise",
        "bottleneck_block1_pointwise",
        "decoder1_upsample",
        "decoder1_block1_depthwise",
        "decoder1_block1_pointwise",
        "logits",
    ]
    assert {"logits/kernel", "logits/bias", "decoder1_upsample/constant"} <= {tensor.name for tensor in graph.tensors}


def test_int8_logits_stay_near_the_float_model(tiny: Any) -> None:
    expected = tiny.model.predict(tiny.images, verbose=0)
    step = read_graph(tiny.tflite).output.quantization.scale

    difference = np.abs(ReferenceModel(tiny.tflite).predict(tiny.images) - expected)

    assert difference.mean() < 1.5 * step
    assert difference.max() < 8 * step


def test_probabilities_end_in_a_logistic_with_the_scale_that_firmware_expects(
    pooling_model: keras.Model, make_images: Callable[..., np.ndarray]
) -> None:
    images = make_images((8, 8, 3), 4)

    graph = read_graph(convert_int8(pooling_model, images, probabilities=True))

    assert [operator.name for operator in graph.operators] == ["CONV_2D", "LOGISTIC"]
    assert graph.gives_probabilities
    assert (graph.output.quantization.scale, graph.output.quantization.zero_point) == (1 / 256, -128)


def test_converting_twice_gives_the_same_bytes(tiny: Any) -> None:
    assert convert_int8(tiny.model, tiny.images) == tiny.tflite


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.6), (0.3, 1.0), (0.2, 0.9)])
def test_a_dark_or_pale_calibration_set_leaves_the_input_scale_alone(
    pooling_model: keras.Model, make_images: Callable[..., np.ndarray], low: float, high: float
) -> None:
    images = low + (high - low) * make_images((8, 8, 3), 3)

    quantization = read_graph(convert_int8(pooling_model, images)).input.quantization

    assert quantization.scale == pytest.approx(1 / 255, rel=1e-6)
    assert quantization.zero_point == -128


def test_progress_counts_the_calibration_images(
    pooling_model: keras.Model, make_images: Callable[..., np.ndarray]
) -> None:
    calls: list[tuple[int, int]] = []

    convert_int8(pooling_model, make_images((8, 8, 3), 3), progress=lambda done, total: calls.append((done, total)))

    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_converter_is_silent_but_a_callback_can_speak(
    pooling_model: keras.Model, make_images: Callable[..., np.ndarray], capfd: pytest.CaptureFixture[str]
) -> None:
    import sys

    def speak(done: int, total: int) -> None:
        sys.stderr.write(f"{done}/{total};")

    convert_int8(pooling_model, make_images((8, 8, 3), 2), progress=speak)

    assert capfd.readouterr() == ("", "0/2;1/2;2/2;")


def test_calibration_images_are_not_optional(pooling_model: keras.Model) -> None:
    with pytest.raises(DeployError, match="needs real calibration images, got none"):
        convert_int8(pooling_model, np.empty((0, 8, 8, 3), np.float32))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 9, 3), np.float32), r"must be \(n, 8, 8, 3\), got \(2, 8, 9, 3\)"),
        (np.zeros((8, 8, 3), np.float32), r"must be \(n, 8, 8, 3\), got \(8, 8, 3\)"),
        (np.full((2, 8, 8, 3), 200, np.uint8), "floats in .0, 1., got uint8; divide bytes by 255"),
        (np.full((2, 8, 8, 3), 200, np.float32), "must lie in .0, 1., got 200.0 to 200.0"),
        (np.full((2, 8, 8, 3), np.nan, np.float32), "must lie in .0, 1., got nan"),
        (np.full((2, 8, 8, 3), 0.5, np.float32), "every calibration pixel equals 0.5"),
    ],
)
def test_calibration_images_that_are_not_images_are_refused(
    pooling_model: keras.Model, images: np.ndarray, message: str
) -> None:
    with pytest.raises(DeployError, match=message):
        convert_int8(pooling_model, images)


def test_weights_that_are_not_finite_are_refused_by_name(make_images: Callable[..., np.ndarray]) -> None:
    image = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(1, 1, name="logits")
    model = keras.Model(image, layer(image), name="small")
    layer.bias.assign([np.nan])

    with pytest.raises(DeployError, match="'logits/bias' is NaN or infinite"):
        convert_int8(model, make_images((8, 8, 3), 2))


def small_model(function: Callable[[Any], Any]) -> keras.Model:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, keras.layers.Conv2D(1, 1, name="logits")(function(image)), name="small")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (keras.layers.Activation("gelu", name="smooth"), "TensorFlow Lite Micro has no GELU .layer 'smooth'."),
        (lambda x: keras.ops.tile(x, (1, 2, 2, 1)), "TensorFlow Lite Micro has no TILE .layer 'tile'."),
        (
            keras.layers.LayerNormalization(name="norm"),
            "layer 'norm.*': NEG has no int8 kernel and would stay in FLOAT32",
        ),
        (keras.ops.erfinv, r"^small: the TensorFlow Lite converter refused: [^\n]*Erfinv[^\n]*$"),
    ],
    ids=["layer", "function", "float", "converter"],
)
def test_what_a_microcontroller_cannot_compute_in_int8_is_refused_in_one_line(
    make_images: Callable[..., np.ndarray], function: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(DeployError, match=message):
        convert_int8(small_model(function), make_images((8, 8, 3), 2))


@pytest.mark.parametrize("shape", [(None, 8, 3), (8, 3)])
def test_an_input_without_fixed_sides_is_refused(shape: tuple[int | None, ...]) -> None:
    image = keras.Input(shape)
    model = keras.Model(image, keras.layers.Dense(1)(image), name="odd")

    with pytest.raises(DeployError, match="odd: the input must have a fixed"):
        convert_int8(model, np.zeros((1, 8, 8, 3), np.float32))
