"""One Keras layer's configuration -> one node of the record, without Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nano_u.graph.record import Node, Op, Shape


@dataclass(frozen=True)
class KerasLayer:
    """A layer of a saved model's `config.json`, with the names and shapes of what it reads."""

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    input_shapes: tuple[Shape, ...] = ()


def node_of(layer: KerasLayer) -> Node | None:
    """The node that computes what the layer computes, its own activation aside; None where the record has no such."""
    if layer.config.get("data_format", "channels_last") != "channels_last":
        return None
    translate = _TRANSLATORS.get(layer.kind)
    return translate(layer) if translate else None


def activation_of(layer: KerasLayer) -> Op | None:
    """The activation that a convolution or dense layer applies itself, as an operator; `opaque` for rare ones."""
    if layer.kind not in _WITH_ACTIVATION:
        return None
    name = layer.config.get("activation")
    if name in (None, "linear"):
        return None
    return _ACTIVATIONS.get(name, "opaque") if isinstance(name, str) else "opaque"


def has_no_weights(kind: str) -> bool:
    """Whether a layer that the record cannot express is at least known to hold no parameters."""
    return kind in _WITHOUT_WEIGHTS


def elementwise_shape(layer: KerasLayer) -> Shape:
    """The output shape of a stock layer that works value by value; empty for others."""
    return layer.input_shapes[0] if layer.kind in _ELEMENTWISE and len(set(layer.input_shapes)) == 1 else ()


_ACTIVATIONS: dict[str, Op] = {"linear": "identity", "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid"}
_WITH_ACTIVATION = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense"})
_ELEMENTWISE = frozenset(
    {
        "Activation",
        "Add",
        "Average",
        "Divide",
        "ELU",
        "LeakyReLU",
        "Maximum",
        "Minimum",
        "Multiply",
        "ReLU",
        "Rescaling",
        "Softmax",
        "Subtract",
    }
)
_WITHOUT_WEIGHTS = _ELEMENTWISE | {
    "AveragePooling2D",
    "Concatenate",
    "Cropping2D",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "MaxPooling2D",
    "Permute",
    "RepeatVector",
    "Reshape",
    "Resizing",
    "UpSampling2D",
    "UpsampleNearest",
    "ZeroPadding2D",
}


def _pair(value: Any) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else value
    return height, width


def _convolution(op: Op) -> Callable[[KerasLayer], Node | None]:
    def translate(layer: KerasLayer) -> Node | None:
        config = layer.config
        plain = (
            _pair(config.get("dilation_rate", 1)) == (1, 1)
            and config.get("groups", 1) == 1
            and config.get("depth_multiplier", 1) == 1
            and config.get("output_padding") is None
            and (op != "conv2d_transpose" or config["padding"] == "same")
        )
        if not plain:
            return None
        return Node(
            layer.name,
            op,
            layer.inputs,
            filters=config.get("filters"),
            window=_pair(config["kernel_size"]),
            strides=_pair(config["strides"]),
            padding=config["padding"],
            use_bias=bool(config["use_bias"]),
        )

    return translate


def _pool(op: Op) -> Callable[[KerasLayer], Node | None]:
    def translate(layer: KerasLayer) -> Node | None:
        config = layer.config
        window = _pair(config["pool_size"])
        strides = window if config.get("strides") is None else _pair(config["strides"])
        return Node(layer.name, op, layer.inputs, window=window, strides=strides, padding=config["padding"])

    return translate


def _plain(op: Op) -> Callable[[KerasLayer], Node | None]:
    return lambda layer: Node(layer.name, op, layer.inputs)


def _dense(layer: KerasLayer) -> Node | None:
    config = layer.config
    return Node(layer.name, "dense", layer.inputs, filters=config["units"], use_bias=bool(config["use_bias"]))


def _batch_norm(layer: KerasLayer) -> Node | None:
    shape = layer.input_shapes[0]
    if layer.config.get("axis", -1) not in (-1, len(shape)):
        return None
    vectors = 2 + bool(layer.config.get("scale", True)) + bool(layer.config.get("center", True))
    return Node(layer.name, "batch_norm", layer.inputs, parameters=None if vectors == 4 else vectors * shape[-1])


def _relu(layer: KerasLayer) -> Node | None:
    config = layer.config
    if config.get("negative_slope") or config.get("threshold") or config.get("max_value") not in (None, 6):
        return None
    return Node(layer.name, "relu" if config.get("max_value") is None else "relu6", layer.inputs)


def _activation(layer: KerasLayer) -> Node | None:
    name = layer.config["activation"]
    op = _ACTIVATIONS.get(name) if isinstance(name, str) else None
    return Node(layer.name, op, layer.inputs) if op else None


def _upsample(layer: KerasLayer) -> Node | None:
    op = _RESIZES.get(layer.config.get("interpolation", "nearest"))
    return Node(layer.name, op, layer.inputs, window=_pair(layer.config["size"])) if op else None


def _resizing(layer: KerasLayer) -> Node | None:
    """A resize to a whole multiple of the input is an upsampling."""
    config, shape = layer.config, layer.input_shapes[0]
    op = _RESIZES.get(config.get("interpolation", "bilinear"))
    if not op or config.get("crop_to_aspect_ratio") or config.get("pad_to_aspect_ratio") or len(shape) != 3:
        return None
    rows, row_rest = divmod(config["height"], shape[0])
    columns, column_rest = divmod(config["width"], shape[1])
    if row_rest or column_rest or not rows or not columns:
        return None
    return Node(layer.name, op, layer.inputs, window=(rows, columns))


def _global_average(layer: KerasLayer) -> Node | None:
    return None if layer.config.get("keepdims") else Node(layer.name, "global_average_pool2d", layer.inputs)


def _concat(layer: KerasLayer) -> Node | None:
    last = layer.config.get("axis", -1) in (-1, len(layer.input_shapes[0]))
    return Node(layer.name, "concat", layer.inputs) if last else None


def _add(layer: KerasLayer) -> Node | None:
    return Node(layer.name, "add", layer.inputs) if _all_equal(layer.input_shapes) else None


def _all_equal(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > 1 and len(set(shapes)) == 1


_RESIZES: dict[str, Op] = {"nearest": "upsample_nearest", "bilinear": "upsample_bilinear"}
_TRANSLATORS: dict[str, Callable[[KerasLayer], Node | None]] = {
    "Conv2D": _convolution("conv2d"),
    "DepthwiseConv2D": _convolution("depthwise_conv2d"),
    "SeparableConv2D": _convolution("separable_conv2d"),
    "Conv2DTranspose": _convolution("conv2d_transpose"),
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "ReLU": _relu,
    "Activation": _activation,
    "MaxPooling2D": _pool("max_pool2d"),
    "AveragePooling2D": _pool("average_pool2d"),
    "GlobalAveragePooling2D": _global_average,
    "UpSampling2D": _upsample,
    "UpsampleNearest": _upsample,
    "Resizing": _resizing,
    "Concatenate": _concat,
    "Add": _add,
    "Relu": _plain("relu"),
    "Relu6": _plain("relu6"),
    "Sigmoid": _plain("sigmoid"),
    "Identity": _plain("identity"),
    "Dropout": _plain("identity"),
    "SpatialDropout2D": _plain("identity"),
    "GaussianDropout": _plain("identity"),
    "GaussianNoise": _plain("identity"),
    "ActivityRegularization": _plain("identity"),
}
