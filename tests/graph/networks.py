"""Networks of several kinds as records, whose instructions were counted."""

from __future__ import annotations

from nano_u.graph import Architecture, Node, nano_u
from nano_u.graph.record import Op


class Drawn:
    """A record in the making; every method gives the name of what it added."""

    def __init__(self, *shape: int) -> None:
        self.nodes = [Node("image", "input", shape=shape)]

    def add(self, op: Op, *sources: str, size: int = 1, stride: int = 1, filters: int | None = None) -> str:
        """A layer of windows of `size` x `size` with `same` padding."""
        name = f"layer{len(self.nodes)}"
        pair = (size, size), (stride, stride)
        self.nodes.append(Node(name, op, sources, filters=filters, window=pair[0], strides=pair[1]))
        return name

    def conv(self, source: str, filters: int, size: int = 1, stride: int = 1) -> str:
        return self.add("conv2d", source, size=size, stride=stride, filters=filters)

    def block(self, source: str, filters: int, size: int = 3, stride: int = 1) -> str:
        return self.conv(self.add("depthwise_conv2d", source, size=size, stride=stride), filters)

    def pool(self, source: str, size: int = 2, stride: int = 2, op: Op = "max_pool2d") -> str:
        return self.add(op, source, size=size, stride=stride)

    def padded(self, source: str, *shape: int) -> str:
        """A ZeroPadding2D, for which the record has no word."""
        self.nodes.append(Node(f"pad{len(self.nodes)}", "opaque", (source,), shape=shape, parameters=0))
        return self.nodes[-1].name

    def valid_depthwise(self, source: str, stride: int) -> str:
        name = f"layer{len(self.nodes)}"
        window, strides = (3, 3), (stride, stride)
        self.nodes.append(Node(name, "depthwise_conv2d", (source,), window=window, strides=strides, padding="valid"))
        return name

    def up(self, source: str, factor: int = 2, op: Op = "upsample_nearest") -> str:
        return self.add(op, source, size=factor)

    def done(self) -> Architecture:
        return Architecture("net", tuple(self.nodes), (self.nodes[-1].name,))


def plain() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.pool(net.conv("image", 8, 3))
    x = net.conv(net.up(net.conv(net.conv(x, 16, 3), 16, 3)), 8, 3)
    net.conv(x, 1)
    return net.done()


def bilinear() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.block(net.block("image", 16, stride=2), 24, stride=2)
    x = net.block(net.up(x, op="upsample_bilinear"), 16)
    net.conv(net.up(x, op="upsample_bilinear"), 1)
    return net.done()


def residual() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv("image", 16, 3, 2)
    for _ in range(3):
        x = net.add("add", x, net.conv(net.conv(x, 16, 3), 16, 3))
    net.conv(net.up(x), 1)
    return net.done()


def padded_and_strided() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.padded(net.conv("image", 8, 3, 2), 25, 33, 8)
    x = net.conv(net.valid_depthwise(x, 2), 16)
    net.conv(net.up(x, 4), 1)
    return net.done()


def pools() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv(net.pool("image"), 8)
    x = net.conv(net.pool(x, op="average_pool2d"), 8)
    x = net.conv(net.up(net.pool(x, 3, 1)), 6)
    net.conv(net.up(net.pool(x, 3, 2, "average_pool2d"), 4), 1)
    return net.done()


def odd_widths() -> Architecture:
    net = Drawn(30, 42, 3)
    x = net.conv(net.block(net.block("image", 5), 7, stride=2), 11, 3)
    net.conv(net.block(net.up(net.block(x, 9, size=5)), 6), 1)
    return net.done()


def concatenated() -> Architecture:
    """Of plain 3x3, like the next ones not among the networks that the steps were fitted to."""
    net = Drawn(32, 48, 3)
    first = net.conv(net.conv("image", 6, 3), 6, 3)
    second = net.conv(net.pool(first), 12, 3)
    x = net.conv(net.pool(second), 20, 3)
    x = net.conv(net.add("concat", net.up(x), second), 12, 3)
    net.conv(net.conv(net.add("concat", net.up(x), first), 6, 3), 1)
    return net.done()


def overlapping_pools() -> Architecture:
    net = Drawn(48, 64, 3)
    x = net.conv(net.pool(net.conv("image", 8, 3), 3), 16, 3)
    x = net.conv(net.pool(x, 3), 16, 3)
    net.conv(net.up(x, 4), 1)
    return net.done()


def residual_blocks() -> Architecture:
    net = Drawn(40, 56, 3)
    x = net.conv("image", 20, 5, 2)
    for _ in range(2):
        x = net.add("add", x, net.block(x, 20))
    net.conv(net.up(x, op="upsample_bilinear"), 1)
    return net.done()


def probabilities() -> Architecture:
    net = Drawn(48, 48, 3)
    x = net.up(net.conv(net.pool(net.conv("image", 9, 3)), 18, 3))
    net.add("sigmoid", net.conv(x, 1, 3))
    return net.done()


def published() -> Architecture:
    return nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[2, 2, (3, 2)])


def additions() -> Architecture:
    """Three of them: a network's only one is put in line."""
    net = Drawn(16, 24, 8)
    x = net.add("relu", "image")
    for _ in range(3):
        x = net.add("add", x, "image")
    return net.done()


def lookup() -> Architecture:
    net = Drawn(16, 24, 8)
    net.add("sigmoid", "image")
    return net.done()


def valid_pool() -> Architecture:
    """Of odd sides, whose last row and column no window reads."""
    pool = Node("pool", "max_pool2d", ("image",), window=(2, 2), strides=(2, 2), padding="valid")
    return Architecture("net", (Node("image", "input", shape=(31, 43, 16)), pool), ("pool",))
