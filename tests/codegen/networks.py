"""Nano-U as an int8 graph with drawn weights: the shapes of the real one without a converter or a framework."""

from __future__ import annotations

from typing import Any

import numpy as np

from nano_u.graph.architectures import nano_u
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor, QuantizedWeights
from nano_u.quantization.sliding_window import window_count

PUBLISHED = {
    "input_shape": (60, 80, 3),
    "filters": (4, 8, 16),
    "bottleneck": 16,
    "pool_sizes": (2, 2, (3, 2)),
}


def nano_u_graph(seed: int = 0, **options: Any) -> QuantizedGraph:
    """`create_nano_u(**options)` as TensorFlow Lite's converter would lay it out, ReLUs fused."""
    draw = _Draw(np.random.default_rng(seed))
    record = nano_u(**options)
    names = {node.name for node in record.nodes}
    for node in record.nodes:
        if node.op == "input":
            assert node.shape is not None
            height, width, channels = node.shape
            draw.add(node.name, QuantizedTensor(node.name, (height, width, channels), 1 / 255, -128))
        elif node.op in ("conv2d", "depthwise_conv2d"):
            is_rectified = f"{node.name}_relu" in names
            draw.convolution(node.name, node.inputs[0], node.filters, node.window, is_rectified)
        elif node.op == "max_pool2d":
            draw.pool(node.name, node.inputs[0], node.window)
        elif node.op == "upsample_nearest":
            draw.upsampling(node.name, node.inputs[0], node.window)
        elif node.op == "concat":
            draw.concatenation(node.name, node.inputs)
        else:
            draw.known[node.name] = draw.known[node.inputs[0]]
    return QuantizedGraph(tuple(draw.tensors), tuple(draw.ops), draw.ops[-1].output)


class _Draw:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.tensors: list[QuantizedTensor] = []
        self.ops: list[QuantizedOp] = []
        self.known: dict[str, QuantizedTensor] = {}

    def add(self, name: str, tensor: QuantizedTensor, op: QuantizedOp | None = None) -> None:
        self.known[name] = tensor
        self.tensors.append(tensor)
        if op is not None:
            self.ops.append(op)

    def convolution(
        self, name: str, source_name: str, filters: int | None, window: tuple[int, int], is_rectified: bool
    ) -> None:
        source = self.known[source_name]
        height, width, channels = source.shape
        kind = "DEPTHWISE_CONV_2D" if filters is None else "CONV_2D"
        shape = (1, *window, channels) if filters is None else (filters, *window, channels)
        kernel = self.random.integers(-127, 128, shape).astype(np.int8)
        products = int(np.prod(window)) * (1 if filters is None else channels)
        count = filters or channels
        # Sums of such products spread over about the whole of int8.
        scales = self.random.uniform(0.7, 1.4, count) / (60 * np.sqrt(products))
        target = QuantizedTensor(name, (height, width, count), 0.05, -128 if is_rectified else 3)
        weights = QuantizedWeights(
            kernel,
            (scales * target.scale / source.scale).astype(np.float32),
            self.random.integers(-2000, 6000, count).astype(np.int32),
        )
        activation = "relu" if is_rectified else "none"
        op = QuantizedOp(kind, (source.name,), name, weights, window, padding="same", activation=activation)  # type: ignore[arg-type]
        self.add(name, target, op)

    def pool(self, name: str, source_name: str, window: tuple[int, int]) -> None:
        source = self.known[source_name]
        sides = [window_count(source.shape[axis], window[axis], window[axis], "valid") for axis in (0, 1)]
        target = QuantizedTensor(name, (sides[0], sides[1], source.shape[2]), source.scale, source.zero_point)
        self.add(name, target, QuantizedOp("MAX_POOL_2D", (source.name,), name, window=window, strides=window))

    def upsampling(self, name: str, source_name: str, factors: tuple[int, int]) -> None:
        source = self.known[source_name]
        height, width, channels = source.shape
        shape = (height * factors[0], width * factors[1], channels)
        target = QuantizedTensor(name, shape, source.scale, source.zero_point)
        self.add(name, target, QuantizedOp("RESIZE_NEAREST_NEIGHBOR", (source.name,), name, half_pixel_centers=True))

    def concatenation(self, name: str, source_names: tuple[str, ...]) -> None:
        sources = [self.known[source] for source in source_names]
        shape = (*sources[0].shape[:2], sum(source.shape[2] for source in sources))
        target = QuantizedTensor(name, shape, sources[0].scale, sources[0].zero_point)
        self.add(name, target, QuantizedOp("CONCATENATION", tuple(source.name for source in sources), name))
