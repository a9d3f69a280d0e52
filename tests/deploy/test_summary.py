from __future__ import annotations

import json
from typing import Any

from nano_u.deploy import read_graph, summarise_tflite
from nano_u.deploy.flatbuffer import TfliteGraph, TfliteOperator, TfliteTensor
from nano_u.deploy.summary import live_activation_bytes


def test_the_default_net_costs_what_the_contract_says(default_net: Any) -> None:
    summary = summarise_tflite(default_net.tflite)

    assert summary.peak_activation_bytes == 196_608
    assert summary.peak_layer == "decoder2_block1_depthwise"
    # 17,112 less three of BatchNorm's four numbers per channel: kernels and one bias each are left.
    assert summary.parameters == 15_231
    assert summary.file_bytes == len(default_net.tflite)


def test_the_published_net_costs_what_its_paper_says(published_net: Any) -> None:
    summary = summarise_tflite(published_net.tflite)

    assert summary.peak_activation_bytes == 76_800
    # Published as 3,357 and 4,239 bytes: with the two int32 sizes of each of three resizes.
    assert (summary.parameters, summary.weight_bytes) == (3_357 - 6, 4_239 - 24)
    assert summary.file_bytes < 34_136


def test_weights_are_a_byte_per_kernel_value_and_four_per_bias(tiny: Any) -> None:
    kernels = 3 * 9 + 3 * 4 + 4 * 9 + 4 * 4 + 4 * 9 + 4 * 4 + 4
    biases = 3 + 4 + 4 + 4 + 4 + 4 + 1

    summary = summarise_tflite(tiny.tflite)

    assert summary.parameters == kernels + biases
    assert summary.weight_bytes == kernels + 4 * biases


def test_activations_wait_for_their_last_reader_and_the_output_for_the_end() -> None:
    tensors = tuple(
        TfliteTensor(str(index), (size,), "INT8", False, (), ()) for index, size in enumerate((1, 10, 100, 1000))
    )
    operators = (
        TfliteOperator("A", "a", inputs=(0,), outputs=(1,)),
        TfliteOperator("B", "b", inputs=(1,), outputs=(2,)),
        TfliteOperator("C", "c", inputs=(2, 0), outputs=(3,)),
    )

    alive = live_activation_bytes(TfliteGraph(tensors, operators, inputs=(0,), outputs=(1, 3), file_bytes=0))

    assert alive == (1 + 10, 1 + 10 + 100, 1 + 10 + 100 + 1000)


def test_constants_are_not_activations(tiny: Any) -> None:
    graph = read_graph(tiny.tflite)

    assert live_activation_bytes(graph)[0] == 16 * 16 * 3 * 2


def test_the_summary_is_strict_json(tiny: Any) -> None:
    summary = summarise_tflite(tiny.tflite)

    assert json.loads(json.dumps(summary.to_dict(), allow_nan=False))["operators"] == list(summary.operators)
