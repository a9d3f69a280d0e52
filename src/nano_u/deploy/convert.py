"""Keras model -> full-integer int8 TensorFlow Lite model, calibrated on real images."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np
import numpy.typing as npt

from nano_u.deploy.affine import INPUT_QUANTIZATION
from nano_u.deploy.captured_stderr import CapturedStderr, captured_stderr
from nano_u.deploy.flatbuffer import TfliteGraph, read_graph
from nano_u.deploy.operators import check_operators
from nano_u.deploy.progress import Progress
from nano_u.deploy.stock import clone_with_stock_layers
from nano_u.deploy.tidy import placeholder, tidy
from nano_u.errors import DeployError

if TYPE_CHECKING:
    import tensorflow as tf

logger = logging.getLogger(__name__)


def convert_int8(
    model: keras.Model,
    calibration: npt.NDArray[np.floating],
    *,
    probabilities: bool = False,
    progress: Progress | None = None,
) -> bytes:
    """The `.tflite` bytes of `model`: int8 in and out, per-channel weights, batch 1, BatchNorm and ReLU folded.

    `calibration` holds real images `(n, height, width, channels)` in [0, 1]; their activations set the ranges. The
    input is always scale 1/255, zero point -128 (see `_with_full_range`). The output is logits, or with
    `probabilities` a LOGISTIC at the end. The same model and images give the same bytes.
    """
    names: list[str] = []

    def numbered(layer: keras.layers.Layer) -> str:
        names.append(layer.name)
        return placeholder(len(names) - 1)

    stock = clone_with_stock_layers(model, numbered)
    shape = _input_shape(stock)
    images = _with_full_range(_checked_calibration(calibration, shape))
    _check_finite_weights(model)
    tflite = tidy(_convert(stock, shape, images, probabilities, progress), names, model.inputs[0].name)
    _check_result(tflite, shape)
    return tflite


def _input_shape(model: keras.Model) -> tuple[int, int, int]:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise DeployError(f"{model.name}: expected one input and one output")
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise DeployError(f"{model.name}: the input must have a fixed (height, width, channels), got {shape}")
    return shape


def _checked_calibration(images: npt.NDArray[np.floating], shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    images = np.asarray(images)
    if images.size == 0:
        raise DeployError("int8 conversion needs real calibration images, got none")
    if images.ndim != 4 or images.shape[1:] != shape:
        raise DeployError(f"calibration images must be (n, {', '.join(map(str, shape))}), got {images.shape}")
    if not np.issubdtype(images.dtype, np.floating):
        raise DeployError(f"calibration images must be floats in [0, 1], got {images.dtype}; divide bytes by 255")
    low, high = float(images.min()), float(images.max())
    if not 0.0 <= low <= high <= 1.0:
        raise DeployError(f"calibration images must lie in [0, 1], got {low} to {high}")
    if low == high:
        raise DeployError(f"every calibration pixel equals {low}: these are not real images")
    return images.astype(np.float32)


def _with_full_range(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Images whose brightest value is 1, so that the input's range comes out as [0, 1].

    Zero belongs to every range by the converter's own rule. Where nothing is as bright as 1, a copy of the image with
    the brightest value is added with that one value raised to 1: the input's scale becomes 1/255 and the activations'
    ranges move by no more than one pixel's worth (in the measured nets, not at all). Without it a darker calibration
    set would make firmware multiply every pixel, and saturate on sunlight.
    """
    if images.max() == 1.0:
        return images
    brightest = np.unravel_index(np.argmax(images), images.shape)
    extra = images[brightest[0]].copy()
    extra[brightest[1:]] = 1.0
    return np.concatenate([images, extra[np.newaxis]])


def _check_finite_weights(model: keras.Model) -> None:
    for variable in model.variables:
        if not np.isfinite(variable.numpy()).all():
            raise DeployError(f"{model.name}: weight {variable.path!r} is NaN or infinite; it cannot be quantised")


def _convert(
    model: keras.Model,
    shape: tuple[int, int, int],
    images: npt.NDArray[np.float32],
    probabilities: bool,
    progress: Progress | None,
) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    with captured_stderr() as noise, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected", UserWarning)
        function = _function_of_constants(model, shape, probabilities)
        # An empty module says that nothing else needs saving; without it the converter takes a deprecated path.
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _samples(images, progress, noise)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        converter.exclude_conversion_metadata = True
        try:
            tflite: bytes = converter.convert()
        except (ConverterError, RuntimeError, ValueError) as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise DeployError(f"{model.name}: the TensorFlow Lite converter refused: {reason}") from error
        finally:
            logger.debug("TensorFlow Lite converter: %s", noise.text)
    return tflite


def _function_of_constants(model: keras.Model, shape: tuple[int, int, int], probabilities: bool) -> tf.Function:
    """The forward pass at batch 1 with the weights as constants, which the converter folds without freezing."""
    import tensorflow as tf

    trainable = [variable.numpy() for variable in model.trainable_variables]
    others = [variable.numpy() for variable in model.non_trainable_variables]

    def forward(image: tf.Tensor) -> tf.Tensor:
        constants = [tf.constant(value) for value in trainable], [tf.constant(value) for value in others]
        logits, _ = model.stateless_call(*constants, image, training=False)
        return tf.sigmoid(logits) if probabilities else logits

    signature = [tf.TensorSpec((1, *shape), tf.float32)]
    return tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()


def _samples(
    images: npt.NDArray[np.float32], progress: Progress | None, noise: CapturedStderr
) -> Iterator[list[npt.NDArray[np.float32]]]:
    for done, image in enumerate(images):
        if progress is not None:
            with noise.released():
                progress(done, len(images))
        yield [image[np.newaxis]]
    if progress is not None:
        with noise.released():
            progress(len(images), len(images))


def _check_result(tflite: bytes, shape: tuple[int, int, int]) -> None:
    check_operators(tflite)
    graph = read_graph(tflite)
    _check_integer_only(graph)
    quantization = graph.input.quantization
    is_fixed = np.isclose(quantization.scale, INPUT_QUANTIZATION.scale, rtol=1e-6)
    if graph.input.shape != (1, *shape) or not is_fixed or quantization.zero_point != INPUT_QUANTIZATION.zero_point:
        raise DeployError(
            f"converted model: input {graph.input.shape} with scale {quantization.scale} and zero point "
            f"{quantization.zero_point}, expected {(1, *shape)}, 1/255 and -128"
        )


def _check_integer_only(graph: TfliteGraph) -> None:
    """The converter leaves a float island, between DEQUANTIZE and QUANTIZE, around what has no int8 kernel."""
    for operator in graph.operators:
        kinds = {graph.tensors[index].dtype for index in (*operator.inputs, *operator.outputs)}
        if operator.name not in ("QUANTIZE", "DEQUANTIZE") and not kinds <= {"INT8", "INT32"}:
            raise DeployError(
                f"layer {operator.layer!r}: {operator.name} has no int8 kernel and would stay in "
                f"{'/'.join(sorted(kinds))}; replace the layer"
            )
