"""What LiteRT refuses to load is refused here first, as it shows itself, and what it would look at only later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.quantization.random_graph import random_graph

from nano_u.deploy import ReferenceModel
from nano_u.deploy.aligned_builder import pack
from nano_u.deploy.flatbuffer import load_schema, read_model
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.errors import DeployError
from nano_u.quantization import KINDS, Kind


def set_version(model: Any) -> None:
    model.version = 4


def set_operator_version(model: Any) -> None:
    model.operatorCodes[0].version = 40


def make_variable(model: Any) -> None:
    constant = model.subgraphs[0].operators[0].inputs[1]
    model.subgraphs[0].tensors[constant].isVariable = True


def add_zero_point(model: Any) -> None:
    model.subgraphs[0].tensors[0].quantization.zeroPoint = np.zeros(2, np.int64)


def turn_scales(model: Any) -> None:
    model.subgraphs[0].tensors[0].quantization.quantizedDimension = 4


def shorten_constant(model: Any) -> None:
    model.buffers[1].data = model.buffers[1].data[:-1]


def add_axes(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.ones(9, np.int32)


def make_negative(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.asarray([1, -4, 4, 4], np.int32)


def make_huge(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.asarray([1, 2**11, 2**10, 2**10], np.int32)


def give_other_options(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions2Type = load_schema().BuiltinOptions2.StablehloPadOptions


def take_external_buffer(model: Any) -> None:
    model.subgraphs[0].tensors[0].externalBuffer = 1


def quantise_otherwise(model: Any) -> None:
    model.subgraphs[0].tensors[0].quantization.detailsType = load_schema().QuantizationDetails.CustomQuantization


def sign_another_graph(model: Any) -> None:
    model.signatureDefs = [load_schema().SignatureDefT()]
    model.signatureDefs[0].signatureKey, model.signatureDefs[0].subgraphIndex = b"serving_default", 1


def name_no_signature(model: Any) -> None:
    model.signatureDefs = [load_schema().SignatureDefT()]
    model.signatureDefs[0].subgraphIndex = 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (set_version, "the file has version 4 of the schema, expected 3"),
        (set_operator_version, "layer 'layer0': CONV_2D has version 40, known are 1 to 8"),
        (make_variable, "tensor 'layer0/kernel' keeps its value from one run to the next; only constants and"),
        (add_zero_point, "tensor 'image' has 1 scales and 2 zero points"),
        (turn_scales, r"tensor 'image' has scales along axis 4 of the shape \(1, "),
        (shorten_constant, r"tensor 'layer0/kernel' has \d+ bytes, expected \d+ for INT8 of the shape"),
        (add_axes, "tensor 'image' has 9 axes, at most 8 can be"),
        (make_negative, r"tensor 'image' has the shape \(1, -4, 4, 4\), which no memory can hold"),
        (make_huge, r"tensor 'image' has the shape \(1, 2048, 1024, 1024\), which no memory can hold"),
        (name_no_signature, "damaged TensorFlow Lite model: a signature has no name or no graph"),
    ],
)
def test_what_litert_does_not_load_is_refused(change: Callable[[Any], None], text: str) -> None:
    model = read_model(write_tflite(random_graph(0, ("CONV_2D",), 1)))
    change(model)
    content = pack(model)

    with pytest.raises(DeployError, match=f"^{text}[^\n]*$"):
        quantized_graph_of(content)
    with pytest.raises((DeployError, ValueError)):
        ReferenceModel(content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (give_other_options, "layer 'layer0': CONV_2D has options that it does not know"),
        (take_external_buffer, "tensor 'image' keeps its value from one run to the next; only constants and"),
        (quantise_otherwise, "tensor 'image' is not quantised by scales and zero points"),
        (sign_another_graph, "damaged TensorFlow Lite model: a signature has no name or no graph"),
    ],
)
def test_what_litert_would_look_at_later_or_compute_in_another_way_is_refused(
    change: Callable[[Any], None], text: str
) -> None:
    model = read_model(write_tflite(random_graph(0, ("CONV_2D",), 1)))
    change(model)

    with pytest.raises(DeployError, match=f"^{text}[^\n]*$"):
        quantized_graph_of(pack(model))


def test_a_pad_without_its_margins_is_refused() -> None:
    model = read_model(write_tflite(random_graph(0, ("PAD",), 1)))
    model.subgraphs[0].operators[0].inputs = model.subgraphs[0].operators[0].inputs[:1]

    with pytest.raises(DeployError, match=r"^layer 'layer0': PAD reads 1 tensors, expected 2$"):
        quantized_graph_of(pack(model))


def test_constants_outside_of_the_flatbuffer_are_refused() -> None:
    model = read_model(write_tflite(random_graph(0, ("CONV_2D",), 1)))
    model.buffers[1].offset, model.buffers[1].size = 100, 4

    with pytest.raises(DeployError, match=r"^the file keeps constants outside of its flatbuffer; convert the model"):
        quantized_graph_of(pack(model))


def test_a_second_graph_is_refused() -> None:
    model = read_model(write_tflite(random_graph(0, ("CONV_2D",), 1)))
    model.subgraphs = model.subgraphs * 2

    with pytest.raises(DeployError, match=r"^the file holds 2 graphs, expected one$"):
        quantized_graph_of(pack(model))


def test_options_of_another_operator_are_refused() -> None:
    """They have fields of the same names, which LiteRT would not look at."""
    model = read_model(write_tflite(random_graph(0, ("MAX_POOL_2D",), 1)))
    operator, schema = model.subgraphs[0].operators[0], load_schema()
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = schema.Conv2DOptionsT()

    with pytest.raises(DeployError, match=r"^layer 'layer0': MAX_POOL_2D has the options of another operator$"):
        quantized_graph_of(pack(model))


@pytest.mark.parametrize("kind", KINDS)
def test_the_versions_known_here_are_those_that_litert_knows(kind: Kind) -> None:
    model = read_model(write_tflite(random_graph(1, (kind,), 1)))
    for version in (*range(-1, 12), 2**31 - 1):
        model.operatorCodes[0].version = version
        assert loads(quantized_graph_of, pack(model)) == loads(ReferenceModel, pack(model)), version


def loads(load: Callable[[bytes], object], content: bytes) -> bool:
    try:
        load(content)
    except DeployError:
        return False
    return True
