from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from tests.quantization.runtimes import differing, reference_tensors

from nano_u.deploy import MicroModel, ReferenceModel, convert_int8, micro_available
from nano_u.deploy.aligned_builder import pack
from nano_u.deploy.flatbuffer import load_schema, read_model
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.errors import DeployError
from nano_u.graph.architectures import nano_u
from nano_u.models import build_model
from nano_u.quantization import run_integer_tensors

layers = keras.layers


def with_skips() -> keras.Model:
    return build_model(nano_u(input_shape=(16, 16, 3), filters=(4, 6), bottleneck=8, blocks_per_stage=1, skips=True))


def with_additions() -> keras.Model:
    """Residual sums, one with a fused ReLU, and a stem of stride 2."""
    image = layers.Input((17, 14, 3), name="image")
    stem = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    branch = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1, name="branch")(stem)
    total = layers.ReLU(name="rectified")(layers.Add(name="total")([stem, branch]))
    point = layers.Conv2D(6, 1, name="point")(total)
    return keras.Model(image, layers.Conv2D(2, 1, name="logits")(layers.Add(name="again")([total, point])))


def with_odd_sizes() -> keras.Model:
    """Uneven kernels and strides, valid padding, average pool, explicit padding, ReLU6, one tensor read twice."""
    image = layers.Input((15, 13, 3), name="image")
    x = layers.Conv2D(5, (3, 5), padding="valid", activation="relu6", name="wide")(image)
    x = layers.ZeroPadding2D(((1, 0), (2, 1)), name="margins")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="valid", depth_multiplier=2, name="doubled")(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same", name="mean")(x)
    raw = layers.Conv2D(4, (2, 1), padding="same", name="raw")(x)
    x = layers.Concatenate(name="both")([layers.ReLU(name="positive")(raw), raw])
    x = layers.MaxPooling2D(2, strides=1, padding="same", name="largest")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="smooth")(x)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid", name="probs")(x))


def images_of(shape: tuple[int, ...], count: int, make_images: Callable[..., np.ndarray], seed: int = 0) -> np.ndarray:
    """Smooth images of any size, cut from ones whose sides are multiples of four."""
    height, width, channels = shape
    return make_images((-(-height // 4) * 4, -(-width // 4) * 4, channels), count, seed)[:, :height, :width]


def converted(build: Callable[[], keras.Model], make_images: Callable[..., np.ndarray]) -> bytes:
    keras.utils.set_random_seed(1)
    model = build()
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, _, mean, variance = layer.get_weights()
            drawn = np.random.default_rng(0).uniform(0.3, 1.3, (3, len(gamma)))
            layer.set_weights([drawn[0], drawn[1] - 0.8, mean, variance * drawn[2]])
    return convert_int8(model, images_of(model.input_shape[1:], 4, make_images))


def noise_and_images(make_images: Callable[..., np.ndarray], tflite: bytes, count: int = 20) -> np.ndarray:
    """Half int8 noise over the whole range, half smooth images."""
    reference = ReferenceModel(tflite)
    shape = reference.graph.input.shape[1:]
    noise = np.random.default_rng(5).integers(-128, 128, (count // 2, *shape)).astype(np.int8)
    return np.concatenate([noise, reference.quantise(images_of(shape, count // 2, make_images, 9))])


def assert_bit_equal(tflite: bytes, images: np.ndarray) -> None:
    """The graph, and the file written from it, give the file's own tensors."""
    graph = quantized_graph_of(tflite)
    written = write_tflite(graph)

    expected = reference_tensors(tflite, images, graph)

    assert len(images) >= 20
    assert expected[graph.output].std() > 1
    assert differing(run_integer_tensors(graph, images), expected) == {}
    assert quantized_graph_of(written) == graph
    assert differing(reference_tensors(written, images, graph), expected) == {}
    if micro_available():
        assert np.array_equal(MicroModel(written).predict_int8(images), expected[graph.output])


@pytest.mark.parametrize("build", [with_skips, with_additions, with_odd_sizes])
def test_every_tensor_of_a_converted_model_is_bit_equal(
    build: Callable[[], keras.Model], make_images: Callable[..., np.ndarray]
) -> None:
    tflite = converted(build, make_images)

    assert_bit_equal(tflite, noise_and_images(make_images, tflite))


@pytest.mark.parametrize("net", ["tiny", "published_net"])
def test_every_tensor_of_nano_u_is_bit_equal(
    net: str, make_images: Callable[..., np.ndarray], request: pytest.FixtureRequest
) -> None:
    tflite = request.getfixturevalue(net).tflite

    assert_bit_equal(tflite, noise_and_images(make_images, tflite))


@pytest.mark.slow
def test_every_tensor_of_the_default_network_is_bit_equal(
    default_net: Any, make_images: Callable[..., np.ndarray]
) -> None:
    assert_bit_equal(default_net.tflite, noise_and_images(make_images, default_net.tflite, 100))


def test_the_graph_has_the_layers_names_shapes_and_options(make_images: Callable[..., np.ndarray]) -> None:
    graph = quantized_graph_of(converted(with_odd_sizes, make_images))
    ops = {op.output: op for op in graph.ops}

    assert graph.input == "image"
    assert ops["wide"].kernel.kernel.shape == (5, 3, 5, 3)
    assert (ops["wide"].activation, ops["wide"].padding) == ("relu6", "valid")
    assert ops["margins"].margins == ((1, 0), (2, 1))
    assert (ops["doubled"].strides, ops["doubled"].kernel.kernel.shape) == ((2, 2), (1, 3, 3, 10))
    assert (ops["mean"].kind, ops["mean"].window, ops["mean"].padding) == ("AVERAGE_POOL_2D", (3, 3), "same")
    assert ops["positive"].kind == "RELU"
    assert ops["smooth"].half_pixel_centers
    assert graph.by_name["largest"].shape == graph.by_name["both"].shape == (3, 3, 8)


def test_real_values_are_those_of_the_keras_layer(tiny: Any) -> None:
    """Weights times their scales are the folded convolution's, and biases at their own scale are its offsets."""
    graph = quantized_graph_of(tiny.tflite)
    op = graph.ops[-1]
    kernel, bias = tiny.model.get_layer("logits").get_weights()

    real = op.kernel.kernel * op.kernel.scales[:, None, None, None]
    offsets = op.kernel.bias * op.kernel.scales.astype(float) * graph.by_name[op.inputs[0]].scale

    assert np.allclose(real, kernel.transpose(3, 0, 1, 2), atol=op.kernel.scales.max() / 2 * 1.001)
    assert np.allclose(offsets, bias, atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("MAX_POOL_2D", "L2_POOL_2D", "layer 'encoder1_pool': L2_POOL_2D is not computed by the integer reference"),
        ("RESIZE_NEAREST_NEIGHBOR", "TILE", "layer 'decoder1_upsample': TILE is not computed by the integer reference"),
    ],
)
def test_an_unknown_operator_is_refused_with_its_layer(
    old: str, new: str, text: str, exchange_operator: Callable[[str, str], bytes]
) -> None:
    with pytest.raises(DeployError, match=f"^{text}; replace the layer$"):
        quantized_graph_of(exchange_operator(old, new))


def join_rows(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["both"].builtinOptions.axis = 1


def name_a_second_output(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["both"].outputs = [*ops["both"].outputs, *ops["raw"].outputs]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (join_rows, "layer 'both': CONCATENATION joins along axis 1, expected the channels"),
        (name_a_second_output, "layer 'both': CONCATENATION has 2 outputs, expected one"),
    ],
)
def test_joins_of_other_kinds_are_refused(
    change: Callable[[Any, dict[str, Any]], None], text: str, make_images: Callable[..., np.ndarray]
) -> None:
    with pytest.raises(DeployError, match=f"^{text}$"):
        quantized_graph_of(changed(converted(with_odd_sizes, make_images), change))


def test_padding_of_channels_is_refused(make_images: Callable[..., np.ndarray]) -> None:
    model = read_model(converted(with_odd_sizes, make_images))
    tensors = model.subgraphs[0].tensors
    amounts = next(tensor for tensor in tensors if tensor.name == b"margins/constant")
    model.buffers[amounts.buffer].data = np.asarray([0, 0, 1, 0, 2, 1, 0, 1], np.int32).view(np.uint8)

    with pytest.raises(DeployError, match=r"^layer 'margins': PAD pads the batch or the channels; only height and"):
        quantized_graph_of(pack(model))


def changed(tflite: bytes, change: Callable[[Any, dict[str, Any]], None]) -> bytes:
    """The model with `change` applied to its first subgraph and its operators by their output's name."""
    model = read_model(tflite)
    subgraph = model.subgraphs[0]
    change(subgraph, {subgraph.tensors[op.outputs[0]].name.decode(): op for op in subgraph.operators})
    return pack(model)


def dilate(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["logits"].builtinOptions.dilationHFactor = 2


def fuse_tanh(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["encoder1_pool"].builtinOptions.fusedActivationFunction = load_schema().ActivationFunctionType.TANH


def make_float(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["encoder1_pool"].outputs[0]].type = load_schema().TensorType.FLOAT32


def make_two_scales(subgraph: Any, ops: dict[str, Any]) -> None:
    quantization = subgraph.tensors[ops["encoder1_pool"].outputs[0]].quantization
    quantization.scale, quantization.zeroPoint = np.ones(2, np.float32), np.zeros(2, np.int64)


def widen_batch(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["encoder1_pool"].outputs[0]].shape = np.asarray([2, 8, 8, 4], np.int32)


def shift_kernel(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["logits"].inputs[1]].quantization.zeroPoint = np.asarray([1], np.int64)


def turn_kernel_scales(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["encoder1_block1_pointwise"].inputs[1]].quantization.quantizedDimension = 3


def rescale_bias(subgraph: Any, ops: dict[str, Any]) -> None:
    quantization = subgraph.tensors[ops["logits"].inputs[2]].quantization
    quantization.scale = quantization.scale * np.float32(2)


def resize_elsewhere(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["decoder1_upsample"].outputs[0]].shape = np.asarray([1, 16, 8, 4], np.int32)


def use_activation_as_kernel(subgraph: Any, ops: dict[str, Any]) -> None:
    source, _, bias = ops["logits"].inputs
    ops["logits"].inputs = [source, source, bias]


def make_bias_int64(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["logits"].inputs[2]].type = load_schema().TensorType.INT64


def make_bias_uint32(subgraph: Any, ops: dict[str, Any]) -> None:
    subgraph.tensors[ops["logits"].inputs[2]].type = load_schema().TensorType.UINT32


def double_depth(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["encoder1_block1_depthwise"].builtinOptions.depthMultiplier = 2


def name_bias_int64(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["logits"].builtinOptions.quantizedBiasType = load_schema().TensorType.INT64


def add_a_bias(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["logits"].inputs = [*ops["logits"].inputs, ops["logits"].inputs[2]]


def drop_bias(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["logits"].inputs = ops["logits"].inputs[:2]


def pool_a_constant(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["encoder1_pool"].inputs = [ops["logits"].inputs[1]]


def lose_options(subgraph: Any, ops: dict[str, Any]) -> None:
    ops["logits"].builtinOptionsType, ops["logits"].builtinOptions = 0, None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (dilate, "layer 'logits': CONV_2D is dilated, which the integer reference does not compute"),
        (fuse_tanh, "layer 'encoder1_pool': MAX_POOL_2D applies activation number 4; only ReLU and ReLU6 can be"),
        (make_float, "layer 'encoder1_pool': tensor 'encoder1_pool' is FLOAT32, expected INT8 throughout"),
        (make_two_scales, "tensor 'encoder1_pool' has 2 scales, expected one"),
        (widen_batch, r"layer 'encoder1_pool': tensor 'encoder1_pool' is \(2, 8, 8, 4\), expected \(1, height, width,"),
        (shift_kernel, "layer 'logits': CONV_2D has a kernel that is not symmetric with one scale per filter"),
        (turn_kernel_scales, "layer 'encoder1_block1_pointwise': CONV_2D has kernel scales along another axis than"),
        (rescale_bias, "layer 'logits': the bias is not at the scale of input times kernel"),
        (resize_elsewhere, r"layer 'decoder1_upsample': RESIZE_NEAREST_NEIGHBOR resizes to \(16, 16\), but its output"),
        (use_activation_as_kernel, "tensor '.*': is computed while the model runs, expected a constant"),
        (drop_bias, "layer 'logits': CONV_2D has no bias, which LiteRT demands"),
        (make_bias_int64, r"tensor 'logits/bias' has 4 bytes, expected 8 for INT64 of the shape \(1,\)"),
        (make_bias_uint32, "tensor 'logits/bias': expected INT32, got UINT32"),
        (
            double_depth,
            "layer 'encoder1_block1_depthwise': DEPTHWISE_CONV_2D has 3 filters over 3 channels, but a depth",
        ),
        (name_bias_int64, "layer 'logits': CONV_2D has a bias of type number 4"),
        (add_a_bias, "layer 'logits': CONV_2D reads 4 tensors, expected 3"),
        (
            pool_a_constant,
            "layer 'encoder1_pool': MAX_POOL_2D reads the constant 'logits/kernel'; only layers' outputs",
        ),
        (lose_options, "damaged TensorFlow Lite model: "),
    ],
)
def test_what_it_does_not_compute_is_refused_in_one_line(
    change: Callable[[Any, dict[str, Any]], None], text: str, tiny: Any
) -> None:
    with pytest.raises(DeployError, match=f"^{text}[^\n]*$"):
        quantized_graph_of(changed(tiny.tflite, change))


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_other_bytes_are_not_a_model(content: bytes) -> None:
    with pytest.raises(DeployError, match="not a TensorFlow Lite model"):
        quantized_graph_of(content)


def test_damage_is_refused_or_read_but_never_breaks_out(tiny: Any) -> None:
    draw = random.Random(1)
    for _ in range(60):
        content = bytearray(tiny.tflite)
        for _ in range(6):
            content[draw.randrange(len(content))] = draw.randrange(256)
        with contextlib.suppress(DeployError):
            quantized_graph_of(bytes(content))
