from __future__ import annotations

from typing import Any

import numpy as np

from nano_u.deploy import ReferenceModel, read_graph
from nano_u.deploy.flatbuffer import load_schema
from nano_u.deploy.tidy import tidy


def test_new_names_change_no_output(tiny: Any) -> None:
    renamed = tidy(tiny.tflite, [], "camera")

    assert np.array_equal(
        ReferenceModel(renamed).predict(tiny.images), ReferenceModel(tiny.tflite).predict(tiny.images)
    )


def test_without_a_known_layer_operators_are_named_by_their_kind(tiny: Any) -> None:
    graph = read_graph(tidy(tiny.tflite, [], "camera"))

    assert graph.input.name == "camera"
    assert [operator.layer for operator in graph.operators][:4] == [
        "depthwise_conv_2d",
        "conv_2d",
        "max_pool_2d",
        "depthwise_conv_2d/2",
    ]


def test_every_name_is_used_once(default_net: Any) -> None:
    names = [tensor.name for tensor in read_graph(default_net.tflite).tensors]

    assert len(set(names)) == len(names)


def test_constants_are_aligned_for_vector_loads(default_net: Any) -> None:
    content = np.frombuffer(default_net.tflite, np.uint8)
    model = load_schema().Model.GetRootAsModel(default_net.tflite, 0)
    buffers = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]
    offsets = [data.ctypes.data - content.ctypes.data for data in buffers if isinstance(data, np.ndarray)]

    assert len(offsets) > 40
    assert {offset % 16 for offset in offsets} == {0}
