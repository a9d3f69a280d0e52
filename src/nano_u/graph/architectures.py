"""Nano-U and BU-Net as architecture records: the one description that models, estimates and prices share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nano_u.errors import ModelError
from nano_u.graph.record import Architecture, Node

Upsample = Literal["before_block", "after_pointwise"]
Window = int | tuple[int, int]


class _Builder:
    """Appends nodes and remembers the last one."""

    def __init__(self, input_shape: Sequence[int]) -> None:
        shape = tuple(int(size) for size in input_shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ModelError(f"input_shape must be (height, width, channels), all positive, got {tuple(input_shape)}")
        self.nodes = [Node("input_image", "input", shape=shape)]
        self.last = "input_image"

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        self.last = node.name
        return node.name

    def normalise_and_rectify(self, name: str) -> None:
        self.add(Node(f"{name}_bn", "batch_norm", (self.last,)))
        self.add(Node(f"{name}_relu", "relu", (self.last,)))

    def separable_block(self, name: str, filters: int, *, rectify_depthwise: bool) -> None:
        """Depthwise 3x3 and pointwise 1x1, each normalised; BU-Net leaves out the ReLU between them."""
        self.add(Node(f"{name}_depthwise", "depthwise_conv2d", (self.last,), window=(3, 3)))
        if rectify_depthwise:
            self.normalise_and_rectify(f"{name}_depthwise")
        else:
            self.add(Node(f"{name}_depthwise_bn", "batch_norm", (self.last,)))
        self.add(Node(f"{name}_pointwise", "conv2d", (self.last,), filters=filters))
        self.normalise_and_rectify(f"{name}_pointwise")

    def stage(self, name: str, filters: int, blocks: int, *, rectify_depthwise: bool) -> None:
        for block in range(1, blocks + 1):
            self.separable_block(f"{name}_block{block}", filters, rectify_depthwise=rectify_depthwise)

    def probe(self, name: str, enabled: bool) -> None:
        if enabled:
            self.add(Node(f"nas_{name}_probe", "identity", (self.last,)))

    def head(self) -> None:
        self.add(Node("logits", "conv2d", (self.last,), filters=1, use_bias=True))


def nano_u(
    input_shape: Sequence[int] = (48, 64, 3),
    filters: Sequence[int] = (16, 32),
    bottleneck: int = 64,
    name: str = "nano_u",
    *,
    blocks_per_stage: int = 2,
    decoder_filters: Sequence[int] | None = None,
    pool_sizes: Sequence[Window] | None = None,
    skips: bool = False,
    upsample: Upsample = "before_block",
    enable_probes: bool = False,
) -> Architecture:
    """The Nano-U encoder-decoder; see `nano_u.create_nano_u` for the arguments."""
    return _encoder_decoder(
        name,
        input_shape,
        filters,
        bottleneck,
        blocks=blocks_per_stage,
        decoder_filters=decoder_filters,
        pool_sizes=pool_sizes,
        skips=skips,
        upsample=upsample,
        probes=enable_probes,
        rectify_depthwise=True,
    )


def bu_net(
    input_shape: Sequence[int] = (48, 64, 3),
    filters: Sequence[int] = (32, 64, 128),
    bottleneck: int = 256,
    name: str = "bu_net",
    *,
    enable_probes: bool = False,
) -> Architecture:
    """The BU-Net teacher: a U-Net of triple separable blocks with concatenated skips."""
    return _encoder_decoder(
        name,
        input_shape,
        filters,
        bottleneck,
        blocks=3,
        decoder_filters=None,
        pool_sizes=None,
        skips=True,
        upsample="before_block",
        probes=enable_probes,
        rectify_depthwise=False,
    )


def _encoder_decoder(
    name: str,
    input_shape: Sequence[int],
    filters: Sequence[int],
    bottleneck: int,
    *,
    blocks: int,
    decoder_filters: Sequence[int] | None,
    pool_sizes: Sequence[Window] | None,
    skips: bool,
    upsample: Upsample,
    probes: bool,
    rectify_depthwise: bool,
) -> Architecture:
    down = _positive("filters", filters)
    up = _positive("decoder_filters", decoder_filters) if decoder_filters is not None else down[::-1]
    pools = [_window(size) for size in (pool_sizes if pool_sizes is not None else [2] * len(down))]
    _positive("bottleneck and blocks_per_stage", (bottleneck, blocks))
    if len(up) != len(down) or len(pools) != len(down):
        raise ModelError(
            "filters, decoder_filters and pool_sizes need one entry per stage, "
            f"got {len(down)}, {len(up)} and {len(pools)}"
        )
    if upsample not in ("before_block", "after_pointwise"):
        raise ModelError(f"upsample must be 'before_block' or 'after_pointwise', got {upsample!r}")
    build = _Builder(input_shape)
    _check_division(input_shape, pools)
    shortcuts = []
    for stage, (width, pool) in enumerate(zip(down, pools, strict=True), start=1):
        build.stage(f"encoder{stage}", width, blocks, rectify_depthwise=rectify_depthwise)
        shortcuts.append(build.last)
        build.add(Node(f"encoder{stage}_pool", "max_pool2d", (build.last,), window=pool, strides=pool, padding="valid"))
    build.probe("encoder", probes)

    build.stage("bottleneck", bottleneck, blocks, rectify_depthwise=rectify_depthwise)
    build.probe("bottleneck", probes)

    for stage, (width, pool) in enumerate(zip(up, reversed(pools), strict=True), start=1):
        if upsample == "after_pointwise":
            build.add(Node(f"decoder{stage}_reduce", "conv2d", (build.last,), filters=width))
            build.normalise_and_rectify(f"decoder{stage}_reduce")
        build.add(Node(f"decoder{stage}_upsample", "upsample_nearest", (build.last,), window=pool))
        if skips:
            build.add(Node(f"decoder{stage}_concat", "concat", (build.last, shortcuts[-stage])))
        build.stage(f"decoder{stage}", width, blocks, rectify_depthwise=rectify_depthwise)
    build.probe("decoder", probes)
    build.head()
    return Architecture(name, tuple(build.nodes), ("logits",))


def _positive(what: str, values: Sequence[int]) -> list[int]:
    if not values or min(values) < 1:
        raise ModelError(f"{what} must be positive integers, got {list(values)}")
    return [int(value) for value in values]


def _window(size: Window) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    _positive("pool_sizes", (height, width))
    return int(height), int(width)


def _check_division(input_shape: Sequence[int], pools: Sequence[tuple[int, int]]) -> None:
    """Pooling must divide each side exactly, or the decoder's output would not match the input."""
    for axis, side in enumerate(("height", "width")):
        factor = 1
        for pool in pools:
            factor *= pool[axis]
        size = int(input_shape[axis])
        if size % factor:
            below, above = size // factor * factor, -(-size // factor) * factor
            fitting = " or ".join(str(value) for value in (below, above) if value)
            raise ModelError(
                f"input {side} {size} is not divisible by {factor} (the product of the pool sizes); use {fitting}"
            )
