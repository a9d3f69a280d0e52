from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.quantization.random_graph import random_graph

from nano_u.deploy import MicroModel, list_operators, micro_available, read_graph, summarise_tflite
from nano_u.deploy.flatbuffer import load_schema
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights


def test_reading_back_gives_the_same_graph_and_the_same_bytes() -> None:
    for seed in range(60):
        graph = random_graph(seed)

        written = write_tflite(graph)

        assert quantized_graph_of(written) == graph, f"seed {seed}"
        assert write_tflite(quantized_graph_of(written)) == written


def test_a_rewritten_model_is_the_same_model(tiny: Any) -> None:
    before = read_graph(tiny.tflite)
    written = write_tflite(quantized_graph_of(tiny.tflite))
    after = read_graph(written)

    assert list_operators(written) == list_operators(tiny.tflite)
    assert {tensor.name: tensor for tensor in after.tensors}.keys() == {tensor.name for tensor in before.tensors}
    assert [operator.layer for operator in after.operators] == [operator.layer for operator in before.operators]
    assert after.input == before.input
    assert after.output == before.output
    assert summarise_tflite(written).weight_bytes == summarise_tflite(tiny.tflite).weight_bytes
    assert len(written) <= len(tiny.tflite)


@pytest.mark.skipif(not micro_available(), reason="tflite-micro (the extra `mcu`) is not installed")
def test_a_rewritten_model_takes_no_more_memory_on_the_device(tiny: Any) -> None:
    written = write_tflite(quantized_graph_of(tiny.tflite))

    assert MicroModel(written).arena_bytes <= MicroModel(tiny.tflite).arena_bytes


def test_biases_are_written_at_the_scale_of_input_times_kernel(tiny: Any) -> None:
    written = read_graph(write_tflite(quantized_graph_of(tiny.tflite)))
    tensors = {tensor.name: tensor for tensor in written.tensors}
    reads = tensors[written.tensors[written.operators[-1].inputs[0]].name]

    assert tensors["logits/bias"].dtype == "INT32"
    assert tensors["logits/bias"].scales == pytest.approx(
        [reads.scales[0] * scale for scale in tensors["logits/kernel"].scales], rel=1e-6
    )


def test_constants_are_aligned_for_vector_loads(tiny: Any) -> None:
    written = write_tflite(quantized_graph_of(tiny.tflite))
    content = np.frombuffer(written, np.uint8)
    model = load_schema().Model.GetRootAsModel(written, 0)
    buffers = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]
    offsets = [data.ctypes.data - content.ctypes.data for data in buffers if isinstance(data, np.ndarray)]

    assert len(offsets) > 10
    assert {offset % 16 for offset in offsets} == {0}


def test_a_layer_called_like_anothers_weights_keeps_its_name() -> None:
    image, odd = QuantizedTensor("image", (2, 2, 1), 1.0, 0), QuantizedTensor("conv/kernel", (2, 2, 1), 1.0, 0)
    conv = QuantizedTensor("conv", (2, 2, 1), 1.0, 0)
    weights = QuantizedWeights(np.ones((1, 1, 1, 1), np.int8), np.ones(1), np.zeros(1, np.int32))
    ops = (
        QuantizedOp("RELU", ("image",), "conv/kernel"),
        QuantizedOp("CONV_2D", ("conv/kernel",), "conv", weights=weights),
    )
    graph = QuantizedGraph((image, odd, conv), ops, "conv")

    written = write_tflite(graph)

    assert [tensor.name for tensor in read_graph(written).tensors] == [
        *("image", "conv/kernel", "conv", "conv/kernel/2", "conv/bias")
    ]
    assert quantized_graph_of(written) == graph
