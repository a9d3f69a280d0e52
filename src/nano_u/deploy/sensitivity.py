"""Which layers lose most by int8: signal-to-quantisation-noise ratios, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nano_u.deploy.affine import INPUT_QUANTIZATION
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.errors import DeployError
from nano_u.graph import ACTIVATION_SUFFIX, Architecture, DeployedOp, deploy
from nano_u.quantization import INT8_MAX, INT8_MIN, QuantizedTensor, run_integer_tensors

if TYPE_CHECKING:
    import keras

BATCH_SIZE = 32


@dataclass(frozen=True)
class LayerSensitivity:
    """Noise of one operator of the int8 network; ratios in decibels, None where there is no noise or no signal.

    Ratios are means over channels: one loud channel that takes the range for itself ruins the quiet ones, which a ratio
    of sums over all of them would not show. `own_db` compares the layer with its float form on the very values that it
    reads, so that it tells what this layer alone loses; `total_db` compares with the float network, and holds the noise
    of everything before it.
    """

    layer: str
    op: str
    own_db: float | None
    total_db: float | None
    lowest: float
    highest: float
    """Of the float network's values."""
    scale: float
    clipped: float
    """Share of int8 values at either end of the range."""


@dataclass
class _Sums:
    """Sums of squares `(channels,)`, and what else is gathered over the batches."""

    signal: npt.NDArray[np.float64] | float = 0.0
    noise: npt.NDArray[np.float64] | float = 0.0
    total_signal: npt.NDArray[np.float64] | float = 0.0
    total_noise: npt.NDArray[np.float64] | float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf
    clipped: int = 0
    count: int = 0


def sensitivity(
    model: keras.Model, architecture: Architecture, tflite: bytes, images: npt.NDArray[np.floating]
) -> tuple[LayerSensitivity, ...]:
    """Every operator of `tflite`, the int8 form of `model`, most noise of its own first.

    `images` `(n, height, width, 3)` in [0, 1]. Raises DeployError where the two are not the same network.
    """
    graph = quantized_graph_of(tflite)
    ops = [op for op in deploy(architecture).ops if op.op != "sigmoid"]
    if [op.name for op in ops] != [op.output for op in graph.ops if op.kind != "LOGISTIC"]:
        raise DeployError(f"{model.name}: the int8 file holds other layers than the model; export it again")
    parts = [op.name for op in ops if op.name not in architecture.by_name]
    if parts:
        name = parts[0].partition("/")[0]
        raise DeployError(f"{name}: this layer becomes two operators, whose noise cannot be told apart")
    sums = {op.name: _Sums() for op in ops}
    for batch in _batches(images):
        tensors = run_integer_tensors(graph, INPUT_QUANTIZATION.quantise(batch))
        floats = {graph.input: batch}
        for op in ops:
            floats[op.name] = _float_form(model, op, [floats[name] for name in op.inputs])
            read = [graph.by_name[name].real(tensors[name]) for name in op.inputs]
            _add(sums[op.name], _float_form(model, op, read), floats[op.name], graph.by_name[op.name], tensors[op.name])
    found = [_layer(op, sums[op.name], graph.by_name[op.name].scale) for op in ops]
    return tuple(sorted(found, key=lambda layer: math.inf if layer.own_db is None else layer.own_db))


def _batches(images: npt.NDArray[np.floating]) -> Iterator[npt.NDArray[np.float32]]:
    if not len(images):
        raise DeployError("sensitivity needs real images, got none")
    for start in range(0, len(images), BATCH_SIZE):
        yield images[start : start + BATCH_SIZE].astype(np.float32)


def _float_form(model: keras.Model, op: DeployedOp, inputs: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """What the layers that the operator stands for compute in float."""
    value = inputs[0] if len(inputs) == 1 else inputs
    for name in op.layers:
        if not name.endswith(ACTIVATION_SUFFIX):  # that layer applied it itself
            value = model.get_layer(name)(value, training=False)
    return np.asarray(value, np.float32)


def _add(
    sums: _Sums,
    exact: npt.NDArray[np.float32],
    float_network: npt.NDArray[np.float32],
    tensor: QuantizedTensor,
    values: npt.NDArray[np.int8],
) -> None:
    real = tensor.real(values)
    sums.signal = sums.signal + _power(exact)
    sums.noise = sums.noise + _power(exact - real)
    sums.total_signal = sums.total_signal + _power(float_network)
    sums.total_noise = sums.total_noise + _power(float_network - real)
    sums.lowest = min(sums.lowest, float(float_network.min()))
    sums.highest = max(sums.highest, float(float_network.max()))
    # A rectified tensor rests on its lower end, which cuts nothing off.
    at_low = 0 if tensor.zero_point == INT8_MIN else int((values == INT8_MIN).sum())
    sums.clipped += at_low + int((values == INT8_MAX).sum())
    sums.count += values.size


def _layer(op: DeployedOp, sums: _Sums, scale: float) -> LayerSensitivity:
    return LayerSensitivity(
        op.name,
        op.op,
        _decibels(sums.signal, sums.noise),
        _decibels(sums.total_signal, sums.total_noise),
        sums.lowest,
        sums.highest,
        scale,
        sums.clipped / sums.count,
    )


def _power(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    power: npt.NDArray[np.float64] = np.square(values, dtype=np.float64).sum(axis=(0, 1, 2))
    return power


def _decibels(signal: npt.NDArray[np.float64] | float, noise: npt.NDArray[np.float64] | float) -> float | None:
    """Mean over the channels that have both."""
    signals, noises = np.atleast_1d(signal), np.atleast_1d(noise)
    both = (signals > 0) & (noises > 0)
    return float(np.mean(10.0 * np.log10(signals[both] / noises[both]))) if both.any() else None
