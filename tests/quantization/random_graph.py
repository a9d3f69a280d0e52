"""Small int8 graphs drawn at random, for comparing the integer reference with the runtimes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nano_u.quantization import (
    KINDS,
    Activation,
    Kind,
    QuantizedGraph,
    QuantizedOp,
    QuantizedTensor,
    QuantizedWeights,
    Shape,
)
from nano_u.quantization.sliding_window import window_count


def random_graph(seed: int, kinds: Sequence[Kind] = KINDS, length: int = 5) -> QuantizedGraph:
    """A graph of `length` operators of these kinds over an input of at most 9x9 pixels and 5 channels."""
    return _Draw(np.random.default_rng(seed), kinds).graph(length)


def random_images(graph: QuantizedGraph, count: int, seed: int = 0) -> np.ndarray:
    """int8 noise over the whole range that fits the graph's input."""
    shape = graph.by_name[graph.input].shape
    return np.random.default_rng(seed).integers(-128, 128, (count, *shape)).astype(np.int8)


@dataclass
class _Draw:
    random: np.random.Generator
    kinds: Sequence[Kind]
    tensors: list[QuantizedTensor] = field(default_factory=list)
    ops: list[QuantizedOp] = field(default_factory=list)

    def graph(self, length: int) -> QuantizedGraph:
        height, width, channels = self.random.integers([3, 3, 1], [10, 10, 6]).tolist()
        self.tensors.append(self.tensor("image", (height, width, channels)))
        for number in range(length):
            self.append(f"layer{number}", str(self.random.choice(np.asarray(self.kinds))))
        return QuantizedGraph(tuple(self.tensors), tuple(self.ops), self.ops[-1].output)

    def append(self, name: str, kind: str) -> None:
        draw: dict[str, Callable[[str, str, QuantizedTensor], tuple[QuantizedOp, QuantizedTensor]]] = {
            "ADD": self.addition,
            "AVERAGE_POOL_2D": self.pool,
            "CONCATENATION": self.concatenation,
            "CONV_2D": self.convolution,
            "DEPTHWISE_CONV_2D": self.convolution,
            "LOGISTIC": self.pointwise,
            "MAX_POOL_2D": self.pool,
            "PAD": self.pad,
            "QUANTIZE": self.pointwise,
            "RELU": self.pointwise,
            "RELU6": self.pointwise,
            "RESIZE_BILINEAR": self.resize,
            "RESIZE_NEAREST_NEIGHBOR": self.resize,
        }
        op, tensor = draw[kind](name, kind, self.tensors[-1])
        self.ops.append(op)
        self.tensors.append(tensor)

    def tensor(self, name: str, shape: Shape) -> QuantizedTensor:
        """Scales over five decades; zero points often at an end of the range, as behind a ReLU."""
        zero_point = int(self.random.choice([-128, -128, 127, *self.random.integers(-80, 40, 8)]))
        return QuantizedTensor(name, shape, float(np.exp(self.random.uniform(-8, 3))), zero_point)

    def near(self, name: str, source: QuantizedTensor) -> QuantizedTensor:
        """The source's shape at a scale up to seven times as fine or as coarse."""
        scale = source.scale * float(np.exp(self.random.uniform(-2, 2)))
        return QuantizedTensor(name, source.shape, scale, self.tensor(name, source.shape).zero_point)

    def alike(self, name: str, shape: Shape, source: QuantizedTensor) -> QuantizedTensor:
        return QuantizedTensor(name, shape, source.scale, source.zero_point)

    def activation(self) -> Activation:
        choices: tuple[Activation, ...] = ("none", "none", "relu", "relu6")
        return choices[int(self.random.integers(4))]

    def sliding(self, source: QuantizedTensor) -> tuple[dict[str, object], tuple[int, int]]:
        """Window, strides and padding that fit, and the output's height and width."""
        height, width, _ = source.shape
        window = (int(self.random.integers(1, min(4, height) + 1)), int(self.random.integers(1, min(4, width) + 1)))
        strides = (int(self.random.integers(1, 4)), int(self.random.integers(1, 4)))
        padding = "same" if self.random.random() < 0.5 else "valid"
        size = tuple(window_count(source.shape[axis], window[axis], strides[axis], padding) for axis in (0, 1))
        return {"window": window, "strides": strides, "padding": padding}, (size[0], size[1])

    def convolution(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        options, size = self.sliding(source)
        window, channels = options["window"], source.shape[2]
        assert isinstance(window, tuple)
        if kind == "CONV_2D":
            filters = int(self.random.integers(1, 6))
            shape = (filters, *window, channels)
        else:
            filters = channels * int(self.random.choice([1, 1, 2]))
            shape = (1, *window, filters)
        target = self.tensor(name, (*size, filters))
        # Mostly factors that spread sums over int8; some that leave nothing of them and some that saturate.
        factors = np.exp2(self.random.choice([*self.random.uniform(-12, -5, 6), self.random.uniform(-6, 4)], filters))
        largest_bias = int(self.random.choice([2**12, 2**12, 2**12, 2**31 - 1]))
        weights = QuantizedWeights(
            self.random.integers(-127, 128, shape).astype(np.int8),
            np.maximum(factors * target.scale / source.scale, 1e-30).astype(np.float32),
            self.random.integers(-largest_bias, largest_bias, filters).astype(np.int32),
        )
        op = QuantizedOp(kind, (source.name,), name, weights=weights, activation=self.activation(), **options)  # type: ignore[arg-type]
        return op, target

    def pool(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        options, size = self.sliding(source)
        op = QuantizedOp(kind, (source.name,), name, activation=self.activation(), **options)  # type: ignore[arg-type]
        return op, self.alike(name, (*size, source.shape[2]), source)

    def addition(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        fitting = [tensor for tensor in self.tensors if tensor.shape == source.shape]
        other = fitting[int(self.random.integers(len(fitting)))]
        op = QuantizedOp("ADD", (source.name, other.name), name, activation=self.activation())
        return op, self.near(name, source)

    def concatenation(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        fitting = [
            tensor
            for tensor in self.tensors
            if tensor.shape[:2] == source.shape[:2] and tensor.is_quantized_like(source)
        ]
        other = fitting[int(self.random.integers(len(fitting)))]
        channels = source.shape[2] + other.shape[2]
        op = QuantizedOp("CONCATENATION", (source.name, other.name), name)
        return op, self.alike(name, (*source.shape[:2], channels), source)

    def pad(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        above, below, left, right = self.random.integers(0, 3, 4).tolist()
        height, width, channels = source.shape
        op = QuantizedOp("PAD", (source.name,), name, margins=((above, below), (left, right)))
        return op, self.alike(name, (height + above + below, width + left + right, channels), source)

    def resize(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        height, width = self.random.integers(1, 12, 2).tolist()
        choice = int(self.random.integers(3))
        op = QuantizedOp(
            kind,  # type: ignore[arg-type]
            (source.name,),
            name,
            align_corners=choice == 1,
            half_pixel_centers=choice == 2,
        )
        return op, self.alike(name, (height, width, source.shape[2]), source)

    def pointwise(self, name: str, kind: str, source: QuantizedTensor) -> tuple[QuantizedOp, QuantizedTensor]:
        op = QuantizedOp(kind, (source.name,), name)  # type: ignore[arg-type]
        if kind == "LOGISTIC":
            return op, QuantizedTensor(name, source.shape, 1 / 256, -128)
        if kind == "RELU6":
            return op, self.alike(name, source.shape, source)
        return op, self.near(name, source)
