"""Nano-U and BU-Net as people write them by hand: subclassed models with nested blocks in Python lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers
from tests.monitoring.zoo.style import ModelStyle, images, masks


class DepthwiseSepConv(layers.Layer):
    """Depthwise 3x3 and pointwise 1x1, each normalised; the ReLU between them is optional."""

    def __init__(self, filters: int, name: str, *, rectify_depthwise: bool = True) -> None:
        super().__init__(name=name)
        self.depthwise = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")
        self.depthwise_bn = layers.BatchNormalization(momentum=0.9, name="depthwise_bn")
        self.depthwise_relu = layers.ReLU(name="depthwise_relu") if rectify_depthwise else None
        self.pointwise = layers.Conv2D(filters, 1, use_bias=False, name="pointwise")
        self.pointwise_bn = layers.BatchNormalization(momentum=0.9, name="pointwise_bn")
        self.pointwise_relu = layers.ReLU(name="pointwise_relu")

    def call(self, x: Any, training: bool | None = None) -> Any:
        x = self.depthwise_bn(self.depthwise(x), training=training)
        if self.depthwise_relu is not None:
            x = self.depthwise_relu(x)
        return self.pointwise_relu(self.pointwise_bn(self.pointwise(x), training=training))


class TripleConv(layers.Layer):
    """Three separable blocks in a list."""

    def __init__(self, filters: int, name: str) -> None:
        super().__init__(name=name)
        self.blocks = [DepthwiseSepConv(filters, f"block{number}", rectify_depthwise=False) for number in range(1, 4)]

    def call(self, x: Any, training: bool | None = None) -> Any:
        for block in self.blocks:
            x = block(x, training=training)
        return x


class NanoU(keras.Model):
    """Encoder, bottleneck and decoder without skips; stages are lists of lists."""

    def __init__(self, filters: Sequence[int] = (2,), bottleneck: int = 3) -> None:
        super().__init__(name="nano_u")
        self.encoder = [_pair(width, f"encoder{stage}") for stage, width in enumerate(filters, start=1)]
        self.pools = [layers.MaxPooling2D(name=f"pool{stage}") for stage in range(1, len(filters) + 1)]
        self.bottleneck = _pair(bottleneck, "bottleneck")
        self.ups = [layers.UpSampling2D(name=f"up{stage}") for stage in range(1, len(filters) + 1)]
        self.decoder = [_pair(width, f"decoder{stage}") for stage, width in enumerate(reversed(filters), start=1)]
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any, training: bool | None = None) -> Any:
        for blocks, pool in zip(self.encoder, self.pools, strict=True):
            x = pool(_through(blocks, x, training))
        x = _through(self.bottleneck, x, training)
        for up, blocks in zip(self.ups, self.decoder, strict=True):
            x = _through(blocks, up(x), training)
        return self.logits(x)


class BUNet(keras.Model):
    """U-Net of triple blocks with concatenated skips."""

    def __init__(self, filters: Sequence[int] = (2,), bottleneck: int = 3) -> None:
        super().__init__(name="bu_net")
        self.encoder = [TripleConv(width, f"encoder{stage}") for stage, width in enumerate(filters, start=1)]
        self.pool = layers.MaxPooling2D(name="pool")
        self.bottleneck = TripleConv(bottleneck, "bottleneck")
        self.up = layers.UpSampling2D(name="up")
        self.join = layers.Concatenate(name="join")
        self.decoder = [TripleConv(width, f"decoder{stage}") for stage, width in enumerate(reversed(filters), start=1)]
        self.logits = layers.Conv2D(1, 1, name="logits")

    def call(self, x: Any, training: bool | None = None) -> Any:
        skips = []
        for stage in self.encoder:
            x = stage(x, training=training)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x, training=training)
        for stage in self.decoder:
            x = stage(self.join([self.up(x), skips.pop()]), training=training)
        return self.logits(x)


def _pair(filters: int, name: str) -> list[DepthwiseSepConv]:
    return [DepthwiseSepConv(filters, f"{name}_block{number}") for number in (1, 2)]


def _through(blocks: Sequence[layers.Layer], x: Any, training: bool | None) -> Any:
    for block in blocks:
        x = block(x, training=training)
    return x


def _separable(found: dict[str, Any], path: str, block: DepthwiseSepConv, x: Any, training: bool) -> Any:
    """Follow one block by hand; note what its two convolutions' followers give."""
    x = block.depthwise_bn(block.depthwise(x), training=training)
    last = "depthwise_bn"
    if block.depthwise_relu is not None:
        x, last = keras.ops.relu(x), "depthwise_relu"
    found[f"{path}/{last}"] = x
    x = keras.ops.relu(block.pointwise_bn(block.pointwise(x), training=training))
    found[f"{path}/pointwise_relu"] = x
    return x


def _nano_u_activations(model: NanoU, x: Any, training: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for blocks in model.encoder:
        for block in blocks:
            x = _separable(found, block.name, block, x, training)
        x = keras.ops.max_pool(x, 2)
    for block in model.bottleneck:
        x = _separable(found, block.name, block, x, training)
    for blocks in model.decoder:
        x = _twice_as_large(x)
        for block in blocks:
            x = _separable(found, block.name, block, x, training)
    return {**found, "logits": model.logits(x)}


def _bu_net_activations(model: BUNet, x: Any, training: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    skips = []

    def triple(stage: TripleConv, x: Any) -> Any:
        for block in stage.blocks:
            x = _separable(found, f"{stage.name}/{block.name}", block, x, training)
        return x

    for stage in model.encoder:
        skips.append(triple(stage, x))
        x = keras.ops.max_pool(skips[-1], 2)
    x = triple(model.bottleneck, x)
    for stage, skip in zip(model.decoder, reversed(skips), strict=True):
        x = triple(stage, keras.ops.concatenate([_twice_as_large(x), skip], axis=-1))
    return {**found, "logits": model.logits(x)}


def _twice_as_large(x: Any) -> Any:
    return keras.ops.repeat(keras.ops.repeat(x, 2, axis=1), 2, axis=2)


STAGES = ("encoder1", "bottleneck", "decoder1")

STYLES = (
    ModelStyle(
        "subclassed_nano_u_lists_of_lists",
        NanoU,
        lambda: (images(16, 16, 3), masks(16, 16, 1)),
        _nano_u_activations,
        selection={
            f"{stage}_block{number}/{kind}_relu": kind == "depthwise" or (stage, number) == ("decoder1", 2)
            for stage in STAGES
            for number in (1, 2)
            for kind in ("depthwise", "pointwise")
        },
    ),
    ModelStyle(
        "subclassed_bu_net_nested_blocks",
        BUNet,
        lambda: (images(16, 16, 3), masks(16, 16, 1)),
        _bu_net_activations,
        selection={
            f"{stage}/block{number}/{last}": last == "depthwise_bn" or (stage, number) == ("decoder1", 3)
            for stage in STAGES
            for number in (1, 2, 3)
            for last in ("depthwise_bn", "pointwise_relu")
        },
        slow=True,
    ),
)
